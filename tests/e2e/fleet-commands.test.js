// SPDX-License-Identifier: MIT
// Commands: each ends once, as its caller is told; what they reserve meanwhile, and what they hold afterwards.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OK, refusal, startFleet } from './lib/fleet.js';
import { encode } from './lib/fleet-wire.js';
import { until } from './lib/process.js';

const QUIET = '60s'; // one poll at the join, and none while the test runs
const TIMEOUT_MS = 1500;
const AT_ONCE_MS = 700;

const said = ({ status, text }) => `${status} ${text}`;
const ROOM_EXISTS = `409 ${refusal('ROOM_EXISTS')}`;
const FAILED = `502 ${refusal('COMMAND_FAILED')}`;
const DISCONNECTED = `502 ${refusal('INSTANCE_DISCONNECTED')}`;
const TIMED_OUT = `504 ${refusal('COMMAND_TIMEOUT')}`;
const BUSY = `429 ${refusal('INSTANCE_BUSY')}`;
const GONE = `404 ${refusal('ROOM_NOT_FOUND')}`;
const DONE = `200 ${OK}`;

const pinned = (agent, roomId, more = {}) => ({ type: 'match', roomId, placement: { instanceId: agent.instanceId, ...more } });
const created = (agent, id) =>
  `201 {"status":"OK","data":{"id":"${id}","type":"match","connections":0,"instanceId":"${agent.instanceId}",` +
  `"endpointUrl":"${agent.endpointUrl}","local":false}}`;

test('fleet: how commands end', { timeout: 120000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: QUIET, args: ['--fleet-command-timeout', `${TIMEOUT_MS}ms`] });
  const create = async (body) => said(await fleet.create(body));
  const inFlight = (agent, count) => until(`${count} commands are with ${agent.name}`, () => agent.cmds.length === count);
  const step = (name, options, work) => t.test(name, async () => {
    const [agent] = await fleet.join({ retries: false, ...options });
    await work(agent);
    agent.stop();
    await fleet.gone(agent.instanceId);
  });

  await step('acknowledged', {}, async (agent) => {
    assert.equal(await create(pinned(agent, 'a')), created(agent, 'a'));
    const { cmdId, ...cmd } = agent.cmds[0];
    assert.ok(cmdId.length > 0);
    assert.deepEqual(cmd, { op: 'create', roomId: 'a', roomType: 'match' });
    // no acknowledgement changes what is listed: the next state does
    assert.equal(said(await fleet.rest('GET', '/v1/rooms/a')), GONE);
    assert.equal(said(await fleet.rest('DELETE', '/v1/rooms/a')), GONE);
    assert.equal(await create(pinned(agent, 'a')), ROOM_EXISTS);
    assert.equal(await create({ type: 'match', roomId: 'a' }), ROOM_EXISTS);
  });

  await step('an id is made when none is given', {}, async (agent) => {
    const { status, json } = await fleet.create(pinned(agent, undefined));
    assert.equal(status, 201);
    assert.match(json.data.id, /^r_[A-Za-z0-9_-]{21}$/);
    assert.equal(agent.cmds[0].roomId, json.data.id);
  });

  await step('it is there already', {}, async (agent) => {
    agent.addRoom('there', 'match');
    assert.equal(await create(pinned(agent, 'there')), ROOM_EXISTS);
    agent.removeRoom('there');
    assert.equal(await create(pinned(agent, 'there')), created(agent, 'there'));
  });

  await step('refused', {}, async (agent) => {
    agent.autoCreate = false;
    assert.equal(await create(pinned(agent, 'refused')), FAILED);
    agent.autoCreate = true;
    assert.equal(await create(pinned(agent, 'refused')), created(agent, 'refused'));
  });

  await step('a type it does not know', {}, async (agent) => {
    assert.equal(await create({ ...pinned(agent, 'typed'), type: 'else' }), FAILED);
  });

  await step('never acknowledged: the id stays held; a late acknowledgement kicks', { keepsAcks: true }, async (agent) => {
    const begun = performance.now();
    assert.equal(await create(pinned(agent, 'late')), TIMED_OUT);
    const took = performance.now() - begun;
    assert.ok(took > TIMEOUT_MS - 50 && took < TIMEOUT_MS + 1500, `${took} ms`);
    assert.equal(await create(pinned(agent, 'late')), ROOM_EXISTS);
    const other = create(pinned(agent, 'other'));
    await inFlight(agent, 2);
    agent.ws.send(agent.kept[0]);
    assert.equal(await other, DISCONNECTED);
    assert.deepEqual(await agent.close(), { code: 4003, reason: '' });
    await fleet.gone(agent.instanceId);
    const [next] = await fleet.join({});
    assert.equal(await create(pinned(next, 'late')), created(next, 'late'));
    next.stop();
  });

  await step('a second acknowledgement kicks', {}, async (agent) => {
    assert.equal(await create(pinned(agent, 'twice')), created(agent, 'twice'));
    agent.ws.send(encode('fleet/ack', { cmdId: agent.cmds[0].cmdId, ok: true }));
    assert.deepEqual(await agent.close(), { code: 4003, reason: '' });
  });

  await step('an acknowledgement of no command kicks, and nobody else', { keepsAcks: true }, async (agent) => {
    const [other] = await fleet.join({ keepsAcks: true, retries: false });
    const theirs = create(pinned(other, 'theirs'));
    await inFlight(other, 1);
    agent.ws.send(encode('fleet/ack', { cmdId: 'cmd_of_nobody', ok: true }));
    assert.deepEqual(await agent.close(), { code: 4003, reason: '' });
    other.release();
    assert.equal(await theirs, created(other, 'theirs'));
    other.stop();
  });

  for (const [how, end] of [['breaks off', (agent) => agent.breakOff()], ['leaves', (agent) => agent.stop()],
    ['is kicked', (agent) => agent.ws.send('text')]]) {
    await step(`it ${how} with commands in flight, of every node`, { isDeaf: true }, async (agent) => {
      const asked = fleet.replicas.map((node, i) => fleet.create(pinned(agent, `f${i}`), { node }));
      asked.push(fleet.rest('POST', `/v1/instances/${agent.instanceId}/drain`));
      await inFlight(agent, asked.length);
      const begun = performance.now();
      end(agent);
      assert.deepEqual([...new Set((await Promise.all(asked)).map(said))], [DISCONNECTED]);
      assert.ok(performance.now() - begun < AT_ONCE_MS, `${performance.now() - begun} ms`);
      const [next] = await fleet.join({});
      assert.equal(await create(pinned(next, 'f0')), created(next, 'f0')); // all is free again
      next.stop();
    });
  }

  await step('32 at a time, whoever asks', { keepsAcks: true }, async (agent) => {
    const asked = [];
    for (let i = 0; i < 30; i++) asked.push(create(pinned(agent, `c${i}`)));
    for (const op of ['drain', 'undrain']) asked.push(fleet.rest('POST', `/v1/instances/${agent.instanceId}/${op}`).then(said));
    await inFlight(agent, 32);
    assert.equal(await create(pinned(agent, 'c32')), BUSY);
    assert.equal(said(await fleet.rest('POST', `/v1/instances/${agent.instanceId}/drain`)), BUSY);
    assert.equal(agent.cmds.length, 32);
    agent.release();
    const answers = await Promise.all(asked);
    assert.deepEqual(answers.slice(0, 30), answers.slice(0, 30).map((_, i) => created(agent, `c${i}`)));
    assert.deepEqual(answers.slice(30), [DONE, DONE]);
    // what was refused has reserved nothing; which of drain and undrain came last is anybody's guess
    assert.equal(await create(pinned(agent, 'c32', { force: true })), created(agent, 'c32'));
  });

  await step('destroyed; again, which is good; and made anew only when a state has shown it',
    { rooms: [{ id: 'd', type: 'match', connections: 0, origin: 'fleet' }] }, async (agent) => {
      assert.equal(said(await fleet.rest('DELETE', '/v1/rooms/d')), DONE);
      assert.deepEqual([agent.cmds[0].op, agent.cmds[0].roomId, agent.rooms.length], ['destroy', 'd', 0]);
      assert.equal((await fleet.rest('GET', '/v1/rooms/d')).status, 200);
      assert.equal(said(await fleet.rest('DELETE', '/v1/rooms/d')), DONE);
      assert.equal(await create(pinned(agent, 'd')), ROOM_EXISTS);
    });

  for (const [op, path] of [['destroy', '/v1/rooms/s'], ['drain'], ['undrain']]) {
    await step(`${op}: no acknowledgement, then a refusal`,
      { isDeaf: true, rooms: [{ id: 's', type: 'match', connections: 0, origin: 'local' }] }, async (agent) => {
        const ask = () => fleet.rest(path ? 'DELETE' : 'POST', path ?? `/v1/instances/${agent.instanceId}/${op}`);
        assert.equal(said(await ask()), TIMED_OUT);
        const refused = ask();
        await inFlight(agent, 2);
        agent.ws.send(encode('fleet/ack', { cmdId: agent.cmds[1].cmdId, ok: false, error: 'a secret text' }));
        assert.equal(said(await refused), FAILED);
      });
  }

  await step('an override counts for placement at once, and shows nowhere', { labels: { only: 'me' } }, async (agent) => {
    const path = `/v1/instances/${agent.instanceId}`;
    const free = { type: 'match', placement: { labels: { only: 'me' } } };
    assert.equal(said(await fleet.rest('POST', `${path}/drain`)), DONE);
    assert.equal((await fleet.get(path)).status, 'active');
    assert.equal(await create(free), `409 ${refusal('NO_CANDIDATE')}`);
    assert.equal(await create(pinned(agent, 'o')), `409 ${refusal('INSTANCE_DRAINING')}`);
    for (const force of [1, 'true', null]) {
      assert.equal(await create(pinned(agent, 'o', { force })), `409 ${refusal('INSTANCE_DRAINING')}`);
    }
    assert.equal(await create(pinned(agent, 'o', { force: true })), created(agent, 'o'));
    assert.equal(said(await fleet.rest('POST', `${path}/undrain`)), DONE);
    assert.equal((await fleet.create(free)).status, 201);
  });
});

test('fleet: holds fall with the next state', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '300ms', args: ['--fleet-command-timeout', '500ms'] });
  const create = async (body) => said(await fleet.create(body));

  await t.test('a room that ended at once can be made again', async () => {
    const [agent] = await fleet.join({ maxRooms: 1 });
    for (let i = 0; i < 3; i++) {
      assert.equal(await create(pinned(agent, 'short')), created(agent, 'short'));
      assert.equal(await create({ type: 'match' }), `409 ${refusal('NO_CANDIDATE')}`);
      agent.removeRoom('short');
      const count = agent.polls.length;
      await until('two polls', () => agent.polls.length >= count + 2);
    }
    agent.stop();
    await fleet.gone(agent.instanceId);
  });

  await t.test('a room that is there is shown, on every node', async () => {
    const [agent] = await fleet.join({});
    assert.equal(await create(pinned(agent, 'stays')), created(agent, 'stays'));
    await agent.inStep();
    for (const node of fleet.replicas) {
      const { text } = await fleet.rest('GET', '/v1/rooms/stays', undefined, { node });
      assert.equal(`201 ${text}`, created(agent, 'stays'));
    }
    agent.stop();
    await fleet.gone(agent.instanceId);
  });

  await t.test('what timed out falls to an answer that came later, whether it was made or not', async () => {
    for (const isMade of [false, true]) {
      const [agent] = await fleet.join({ isDeaf: !isMade, keepsAcks: true, retries: false });
      assert.equal(await create(pinned(agent, 'slow')), TIMED_OUT);
      const count = agent.polls.length;
      await until('three polls', () => agent.polls.length >= count + 3);
      Object.assign(agent, { isDeaf: false, keepsAcks: false, kept: [] });
      assert.equal(await create(pinned(agent, 'slow')), isMade ? ROOM_EXISTS : created(agent, 'slow'));
      agent.stop();
      await fleet.gone(agent.instanceId);
    }
  });
});
