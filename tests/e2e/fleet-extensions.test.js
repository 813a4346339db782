// SPDX-License-Identifier: MIT
// What goes beyond the original: options and metadata of rooms, tokens for streams, registrations, resumed streams.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_KEY, AGENT_KEY, OK, refusal, startFleet } from './lib/fleet.js';
import { until } from './lib/process.js';

const said = ({ status, text }) => `${status} ${text}`;
const rejected = (status, cause) => `${status} ${refusal(cause)}`;
const OPTIONS = 1, METADATA = 2; // of the features that an agent may announce
const REFUSED = { code: 4001, reason: '' };

// ---- rooms ------------------------------------------------------------------------------------------------

test('fleet: options go to agents that know them', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t);
  const [old] = await fleet.join({ name: 'old' });
  const create = (more) => fleet.create({ type: 'match', ...more });
  assert.equal(said(await create({ options: { mode: 'ctf' } })), rejected(409, 'NO_CANDIDATE'));
  assert.equal(said(await create({ options: {}, placement: { instanceId: old.instanceId } })), rejected(409, 'NO_CANDIDATE'));
  assert.equal((await create({ options: { mode: 'ctf' }, optionsRequired: false })).status, 201);
  const [able] = await fleet.join({ name: 'new', features: OPTIONS });
  for (let i = 0; i < 4; i++) assert.equal((await create({ options: { mode: 'ctf', bots: [1, 2] } })).json.data.instanceId, able.instanceId);
  assert.deepEqual(able.cmds.map(({ options }) => JSON.parse(options)), Array(4).fill({ mode: 'ctf', bots: [1, 2] }));
  const large = (bytes) => ({ a: 'x'.repeat(bytes - '{"a":""}'.length) });
  assert.equal((await create({ options: large(16384) })).status, 201);
  assert.equal(able.cmds.at(-1).options.length, 16384);
  assert.equal(said(await create({ options: large(16385) })), rejected(400, 'VALIDATION'));
});

test('fleet: metadata is shown by all nodes, and ends with its room', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t);
  const [agent] = await fleet.join({ name: 'a' });
  const made = await fleet.create({ type: 'match', roomId: 'm', metadata: { map: 'ice', mode: 'ctf' } });
  assert.deepEqual(made.json.data.metadata, { map: 'ice', mode: 'ctf' });
  await agent.inStep();
  const { stateHash } = await fleet.get('/v1/stats');
  for (const node of fleet.replicas) {
    const found = async (query) => (await fleet.rest('GET', `/v1/rooms?${query}`, undefined, { node })).json.data.map(({ id }) => id);
    assert.deepEqual((await fleet.rest('GET', '/v1/rooms/m', undefined, { node })).json.data.metadata, { map: 'ice', mode: 'ctf' });
    assert.deepEqual(await found('meta=map:ice&meta=mode:ctf'), ['m']);
    assert.deepEqual(await found('meta=map:ice&meta=mode:duel'), []);
  }
  const stream = await fleet.events(fleet.replicas[1]);
  assert.equal(said(await fleet.rest('PUT', '/v1/rooms/m/metadata', { map: 'sand' })), `200 ${OK}`);
  for (const node of fleet.replicas) {
    assert.deepEqual((await fleet.rest('GET', '/v1/rooms/m', undefined, { node })).json.data.metadata, { map: 'sand' });
  }
  const [sync] = await stream.has(1);
  assert.equal(sync.type, 'sync');
  assert.notEqual(sync.data.stateHash, stateHash);
  assert.equal(said(await fleet.rest('PUT', '/v1/rooms/m/metadata', {})), `200 ${OK}`);
  assert.equal((await fleet.get('/v1/rooms/m')).metadata, undefined);
  assert.equal(said(await fleet.rest('PUT', '/v1/rooms/none/metadata', {})), rejected(404, 'ROOM_NOT_FOUND'));
  await fleet.rest('PUT', '/v1/rooms/m/metadata', { map: 'ice' });
  assert.equal((await fleet.rest('DELETE', '/v1/rooms/m')).status, 200);
  await until('it has gone', async () => (await fleet.rest('GET', '/v1/rooms/m')).status === 404);
  assert.equal((await fleet.create({ type: 'match', roomId: 'm' })).status, 201);
  await until('there is another one', async () => (await fleet.rest('GET', '/v1/rooms/m')).status === 200);
  assert.equal((await fleet.get('/v1/rooms/m')).metadata, undefined);
});

test('fleet: what an agent says of its room stands in place of what was put to it', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t);
  const [agent] = await fleet.join({ name: 'a', features: METADATA });
  agent.addRoom('m', 'match', { metadata: { mode: 'ctf', 2: 'two' } });
  agent.addRoom('plain', 'match');
  await agent.inStep();
  for (const id of ['m', 'plain']) assert.equal(said(await fleet.rest('PUT', `/v1/rooms/${id}/metadata`, { map: 'sand' })), `200 ${OK}`);
  const shown = async (node, query = '') => {
    const { json } = await fleet.rest('GET', `/v1/rooms${query}`, undefined, { node });
    return Object.fromEntries(json.data.map(({ id, metadata }) => [id, metadata]));
  };
  const put = { map: 'sand' }, own = { 2: 'two', mode: 'ctf' };
  for (const node of fleet.replicas) {
    assert.deepEqual(await shown(node), { m: own, plain: put });
    assert.deepEqual(await shown(node, '?meta=mode:ctf'), { m: own });
    assert.deepEqual(await shown(node, '?meta=map:sand'), { plain: put });
    assert.deepEqual((await fleet.rest('GET', '/v1/rooms/m', undefined, { node })).json.data.metadata, own);
  }
  agent.find('m').metadata = {};
  await agent.inStep();
  for (const node of fleet.replicas) assert.deepEqual(await shown(node), { m: put, plain: put });
});

// ---- tokens -------------------------------------------------------------------------------------------------

test('fleet: a token opens streams on all nodes, as long as its key is good', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { args: ['--trust-proxy'] });
  const key = await fleet.token('admin', 'page');
  let guest = 0;
  const guests = () => ({ key: null, headers: { 'x-forwarded-for': `10.0.0.${guest++}` } });
  const make = async (key, more) => (await fleet.rest('POST', '/v1/tokens', { scope: 'events', ...more }, { key })).json.data;

  for (const good of [ADMIN_KEY, key]) {
    const { token, expiresAt } = await make(good);
    assert.ok(Math.abs(expiresAt - Date.now() - 60000) < 5000, 'a minute, unless it is told');
    for (const node of fleet.replicas) {
      assert.equal((await fleet.events(node, { query: `?token=${token}`, ...guests() })).status, 200);
      for (const path of [`/v1/stats?token=${token}`, '/v1/events?token=ft1.e30.AAAA']) {
        assert.equal(said(await fleet.rest('GET', path, undefined, { node, ...guests() })), rejected(401, 'UNAUTHORIZED'));
      }
      assert.equal((await fleet.rest('POST', '/v1/tokens', { scope: 'events' }, { node, ...guests(), key: token })).status, 401);
    }
  }

  await t.test('it expires', async () => {
    const { token } = await make(ADMIN_KEY, { ttlMs: 300 });
    await until('it is refused', async () =>
      (await fleet.events(fleet.replicas[0], { query: `?token=${token}`, ...guests() })).status === 401);
  });

  await t.test('its key is revoked', async () => {
    const { token } = await make(key);
    const stream = await fleet.events(fleet.replicas[2], { query: `?token=${token}`, ...guests() });
    await fleet.revoke('admin', 'page');
    await until('its streams have ended', () => stream.isEnded);
    for (const node of fleet.replicas) {
      assert.equal((await fleet.events(node, { query: `?token=${token}`, ...guests() })).status, 401);
    }
  });

  await t.test('nothing of it is written down', () => {
    for (const { child } of fleet.replicas) assert.doesNotMatch(child.output, /ft1\.[A-Za-z0-9]{10}/);
  });
});

// ---- registrations ------------------------------------------------------------------------------------------

async function register(fleet, body = {}) {
  const { status, json } = await fleet.rest('POST', '/v1/registrations', body);
  assert.equal(status, 201);
  assert.match(json.data.id, /^[0-9a-f]{16}$/);
  assert.match(json.data.key, /^frt_[A-Za-z0-9_-]{43}$/);
  return json.data;
}

test('fleet: registrations', { timeout: 90000 }, async (t) => {
  const fleet = await startFleet(t);

  await t.test('one place, on whatever node; DELETE closes who has it', async () => {
    const { id, key } = await register(fleet);
    const [agent] = await fleet.join({ name: 'one', key });
    for (const node of fleet.replicas) {
      const second = fleet.agent({ name: 'two', key, url: `${node.wsUrl}/`, retries: false });
      assert.deepEqual(await second.close(), REFUSED);
    }
    agent.breakOff(); // its place is free again
    await agent.close();
    await until('it is back', () => agent.hellos.length > 1);
    await fleet.listed(agent);
    agent.retries = false;
    const count = agent.closes.length;
    assert.equal(said(await fleet.rest('DELETE', `/v1/registrations/${id}`)), `200 ${OK}`);
    assert.deepEqual(await agent.close(count + 1), REFUSED);
    await fleet.gone(agent.instanceId);
    assert.deepEqual(await fleet.agent({ name: 'three', key, retries: false }).close(), REFUSED);
    assert.equal(said(await fleet.rest('DELETE', `/v1/registrations/${id}`)), rejected(404, 'REGISTRATION_NOT_FOUND'));
    assert.equal(said(await fleet.rest('DELETE', '/v1/registrations/none')), rejected(404, 'REGISTRATION_NOT_FOUND'));
  });

  await t.test('as many places as it says', async () => {
    const { key } = await register(fleet, { maxInstances: 3 });
    await fleet.join(...[1, 2, 3].map((n) => ({ name: `many${n}`, key })));
    assert.deepEqual(await fleet.agent({ name: 'many4', key, retries: false }).close(), REFUSED);
  });

  await t.test('a place of a node that was killed is free again', async () => {
    const { key } = await register(fleet);
    const [other, , victim] = fleet.replicas;
    const [agent] = await fleet.join({ name: 'killed', key, url: `${victim.wsUrl}/` });
    agent.url = `${other.wsUrl}/`;
    await victim.kill();
    await until('it is there again', async () => agent.hellos.length > 1 &&
      (await fleet.rest('GET', `/v1/instances/${agent.instanceId}`, undefined, { node: other })).status === 200, 20000);
    await victim.launch();
  });

  await t.test('a state that contradicts it is refused; the last good one stays', async () => {
    const claims = { name: 'eu1', endpointUrl: 'wss://eu1.example.com', labels: { region: 'eu' } };
    const { key } = await register(fleet, claims);
    const [agent] = await fleet.join({ ...claims, labels: { region: 'eu', more: 'x' }, key });
    for (const change of [{ name: 'eu2' }, { endpointUrl: 'wss://else.example.com' }, { labels: {} }, { labels: { region: 'us' } }]) {
      const good = Object.fromEntries(Object.keys(change).map((name) => [name, agent[name]]));
      const rejections = async () => (await Promise.all(fleet.replicas.map((node) => node.metrics())))
        .reduce((sum, metrics) => sum + metrics.signalbox_fleet_snapshots_rejected_total, 0);
      const before = await rejections();
      Object.assign(agent, change);
      await until('it is rejected', async () => await rejections() > before);
      const { name, endpointUrl, labels } = await fleet.get(`/v1/instances/${agent.instanceId}`);
      Object.assign(agent, good);
      assert.deepEqual({ name, endpointUrl, labels }, { ...claims, labels: { region: 'eu', more: 'x' } });
      await agent.inStep();
    }
    assert.deepEqual(agent.closes, []);
  });

  await t.test('it expires, and its agent goes', async () => {
    const { key } = await register(fleet, { ttlMs: 1500 });
    const [agent] = await fleet.join({ name: 'short', key });
    await until('it is closed and refused', () => agent.closes.at(-1)?.code === 4001, 15000);
  });
});

test('fleet: with registrations only', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { args: ['--fleet-shared-keys=false'] });
  const shared = await fleet.token('agent', 'shared');
  for (const key of [AGENT_KEY, shared]) {
    assert.deepEqual(await fleet.agent({ key, retries: false }).close(), REFUSED);
  }
  await fleet.join({ name: 'one', key: (await register(fleet)).key });
});

test('fleet: a place that Redis has lost is taken again', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '200ms' });
  const { key } = await register(fleet);
  const [agent] = await fleet.join({ name: 'one', key, url: `${fleet.replicas[0].wsUrl}/` });
  for (const part of ['seats', 'meta', 'heads', 'nodes']) await fleet.redis.command('DEL', `sb:{fleet:default:all}:${part}`);
  await until('it has its place', async () => (await fleet.redis.command('HLEN', 'sb:{fleet:default:all}:seats')) === '1');
  await fleet.listed(agent);
  assert.deepEqual(await fleet.agent({ name: 'two', key, retries: false }).close(), REFUSED);
  assert.deepEqual(agent.closes, []);
});

// ---- streams --------------------------------------------------------------------------------------------------

test('fleet: a stream goes on behind an id, on another node', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { args: ['--live-bound', '64', '--mailbox-cap', '64', '--queue-max', '64', '--max-queued', '64'] });
  const [one, two, three] = fleet.replicas;
  const [agent] = await fleet.join({ name: 'a' });
  const all = await fleet.events(one, { query: '?ids=1' });
  const resume = (node, id) => fleet.events(node, { query: '?ids=1', headers: { 'last-event-id': id } });
  const grow = async (count) => {
    for (let i = 0; i < count; i++) {
      agent.addRoom(`r${agent.rooms.length}`, 'match');
      await agent.inStep();
    }
  };
  const idOf = (block) => /^id: (\d+\.\d+)$/m.exec(block)[1];

  await grow(3);
  await until('all of it', () => all.blocks.length === 6);
  for (const [i, block] of all.blocks.entries()) {
    const stream = await resume([two, three][i % 2], idOf(block));
    await until(`what came behind ${i}`, () => stream.blocks.length >= 5 - i);
    assert.deepEqual(stream.blocks, all.blocks.slice(i + 1));
    stream.close();
  }
  const stream = await resume(two, idOf(all.blocks.at(-1)));
  await grow(1);
  await until('what comes now', () => stream.blocks.length === 2 && all.blocks.length === 8);
  assert.deepEqual(stream.blocks, all.blocks.slice(6));

  const first = idOf(all.blocks[0]);
  for (let i = 0; i < 200; i++) assert.equal((await fleet.rest('PUT', '/v1/rooms/r0/metadata', { i: String(i) })).status, 200);
  const late = await fleet.rest('GET', '/v1/events?ids=1', undefined, { node: three, headers: { 'last-event-id': first } });
  assert.equal(said(late), rejected(409, 'EVENTS_TRIMMED'));
  for (const id of ['x', '1.0', `${BigInt(first.split('.')[0]) + 1000000n}.0`]) {
    const answer = await fleet.rest('GET', '/v1/events?ids=1', undefined, { node: three, headers: { 'last-event-id': id } });
    assert.equal(said(answer), rejected(409, 'EVENTS_TRIMMED'), id);
  }

  await t.test('not when Redis has lost the log: then all streams end', async () => {
    const last = idOf(all.blocks.at(-1));
    const streams = await Promise.all([one, two, three].map((node) => fleet.events(node)));
    await fleet.redis.command('FLUSHALL');
    await until('all have ended', () => [all, ...streams].every((stream) => stream.isEnded));
    await fleet.listed(agent);
    const answer = await fleet.rest('GET', '/v1/events?ids=1', undefined, { node: one, headers: { 'last-event-id': last } });
    assert.equal(said(answer), rejected(409, 'EVENTS_TRIMMED'));
  });
});
