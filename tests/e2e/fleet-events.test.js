// SPDX-License-Identifier: MIT
// The stream of events: its text, the same sequence on every replica, and random lives against the plain model.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, SEED } from '../chaos/lib.js';
import { refusal, startFleet } from './lib/fleet.js';
import { documents, EventModel, stateHash, timeless } from './lib/fleet-model.js';
import { until } from './lib/process.js';

test('fleet: the stream', { timeout: 90000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '200ms', args: ['--fleet-streams', '4'] });
  const [node] = fleet.replicas;

  await t.test('its head and its text', async () => {
    const stream = await fleet.events(node);
    const { headers } = stream;
    assert.equal(headers['content-type'], 'text/event-stream; charset=utf-8');
    assert.equal(headers['cache-control'], 'no-cache, no-transform');
    assert.equal(headers['x-accel-buffering'], 'no');
    assert.equal(headers['transfer-encoding'], 'chunked');
    const [agent] = await fleet.join({ name: 'eu1', labels: { region: 'eu' }, rooms: [{ id: 'imm', type: 'match', connections: 0, origin: 'fleet' }] });
    await stream.has(3);
    const { text } = await fleet.rest('GET', `/v1/instances/${agent.instanceId}`);
    const info = text.slice('{"status":"OK","data":'.length, -1);
    const at = (body) => body.replace(/"lastSyncAt":\d+/, '"lastSyncAt":0');
    const { stateHash: hash } = await fleet.get('/v1/stats');
    assert.equal(at(stream.text), at(': connected\n\n' +
      `event: instance:join\ndata: ${info}\n\n` +
      `event: room:create\ndata: {"id":"imm","type":"match","connections":0,"instanceId":"${agent.instanceId}",` +
      '"endpointUrl":"wss://eu1.example.com","local":false}\n\n' +
      `event: sync\ndata: {"instances":1,"rooms":1,"connections":0,"roomTypes":["lobby","match"],"stateHash":"${hash}"}\n\n`));
    stream.close();
    agent.stop();
    await fleet.gone(agent.instanceId);
  });

  await t.test('connections and status are told by sync alone; what changes nothing by nothing', async () => {
    const [agent] = await fleet.join({ rooms: [{ id: 'r', type: 'match', connections: 0, origin: 'local' }] });
    await agent.inStep();
    const stream = await fleet.events(node);
    agent.rooms[0].connections = 5;
    await agent.inStep();
    await agent.drain();
    agent.status = 'active';
    await agent.inStep();
    assert.equal((await fleet.create({ type: 'match', roomId: 'x', placement: { instanceId: agent.instanceId } })).status, 201);
    agent.removeRoom('x'); // it is gone before a state shows it: an acknowledgement is no event
    await fleet.rest('POST', `/v1/instances/${agent.instanceId}/undrain`);
    const count = agent.polls.length;
    await until('two more polls', () => agent.polls.length > count + 2);
    assert.deepEqual((await stream.has(3)).map(({ type }) => type), ['sync', 'sync', 'sync']);
    agent.removeRoom('r');
    const list = await stream.has(5);
    assert.deepEqual([list[3].type, list[3].data.connections], ['room:destroy', 0]); // as it was when it was made
    stream.close();
    agent.stop();
    await fleet.gone(agent.instanceId);
  });

  await t.test('so many streams for each node', async () => {
    const streams = [];
    for (let i = 0; i < 4; i++) streams.push(await fleet.events(node));
    const refused = await fleet.rest('GET', '/v1/events', undefined, { node });
    assert.equal(`${refused.status} ${refused.text}`, `429 ${refusal('SSE_LIMIT')}`);
    assert.equal((await node.metrics()).signalbox_fleet_sse_streams, 4);
    assert.equal((await fleet.events(fleet.replicas[1])).status, 200);
    streams.pop().close();
    await until('another one has room', async () => {
      const stream = await fleet.events(node);
      if (stream.status !== 200) return false;
      streams.push(stream);
      return true;
    });
    streams.forEach((stream) => stream.close());
  });

  await t.test('pings, every 15 s', async () => {
    const begun = performance.now();
    const stream = await fleet.events(fleet.replicas[2]);
    await until('a ping', () => stream.text.includes(': ping\n\n'), 20000);
    const took = performance.now() - begun;
    assert.ok(took > 14500 && took < 17500, `${took} ms`);
    stream.close();
  });
});

// ---- random lives ----------------------------------------------------------------------------------------------

const STEPS = Number(process.env.SIGNALBOX_STEPS ?? 120);
const NAMES = ['a', 'b', 'c', 'd', 'e f', 'é'];
const UIDS = ['p_1', 'p_2', 'p_3', 'p_4'];

/** One change at a time, each waited for: what the streams say must be what the model says. */
class Lives {
  constructor(fleet, random) {
    Object.assign(this, { fleet, random, agents: [], model: new EventModel(), made: 0 });
  }

  instances() {
    return this.agents.map((agent) => ({ id: agent.instanceId, snapshot: structuredClone(agent.snapshot()) }));
  }

  /** Agents whose state is to be fetched, after the change that this returns a name for. */
  async step() {
    const { random, agents } = this;
    const steps = [() => this.join(), () => this.leave(), () => this.rooms(), () => this.rooms(), () => this.rooms(),
      () => this.create(), () => this.create(), () => this.destroy(), () => this.describe()];
    const step = agents.length === 0 ? steps[0] : random.pick(steps);
    return step();
  }

  async join() {
    if (this.agents.length === UIDS.length) return this.rooms();
    const free = UIDS.filter((uid) => !this.agents.some((agent) => agent.processUid === uid));
    const agent = this.fleet.agent({ name: `a${++this.made}`, processUid: this.random.pick(free), isMute: true });
    this.someRooms(agent);
    await until('its first poll', () => agent.polls.length > 0);
    this.agents.push(agent);
    agent.isMute = false;
    agent.answer(agent.polls[0]);
    return {};
  }

  async leave() {
    const agent = this.random.pick(this.agents);
    this.agents = this.agents.filter((other) => other !== agent);
    agent.stop();
    return { leaver: { id: agent.instanceId, snapshot: agent.snapshot() } };
  }

  someRooms(agent) {
    const { random } = this;
    for (let i = random.below(3); i >= 0; i--) {
      const id = random.pick(NAMES);
      if (!agent.removeRoom(id)) agent.addRoom(id, random.pick(['lobby', 'match']), { connections: random.below(3) });
    }
  }

  async rooms() {
    this.someRooms(this.random.pick(this.agents));
    return {};
  }

  async describe() {
    const agent = this.random.pick(this.agents);
    const room = this.random.pick(agent.rooms);
    if (room) room.connections = this.random.below(5);
    else agent.labels = { n: String(this.random.below(5)) };
    return {};
  }

  async create() {
    await this.fleet.create({ type: 'match', roomId: this.random.pick(NAMES.slice(0, 4)) });
    return {};
  }

  async destroy() {
    const rooms = await this.fleet.get('/v1/rooms');
    if (rooms.length > 0) await this.fleet.rest('DELETE', `/v1/rooms/${this.random.pick(rooms).id}`);
    return {};
  }
}

test(`fleet: ${STEPS} changes are told alike on all replicas, seed ${SEED}`, { timeout: 180000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '100ms', args: ['--fleet-streams', '10'] });
  const streams = await Promise.all(fleet.replicas.map((node) => fleet.events(node)));
  const lives = new Lives(fleet, new Random(SEED));
  const expected = [];
  const tags = new Map(); // the model's hash ↔ the entity tag
  for (let i = 0; i < STEPS; i++) {
    const { leaver } = await lives.step();
    for (const agent of lives.agents) await agent.inStep();
    const instances = lives.instances();
    expected.push(...lives.model.change(instances, leaver));
    for (const stream of streams) {
      const list = await stream.has(expected.length);
      assert.deepEqual(list.map(timeless), expected.map(timeless), `after step ${i}`);
    }
    const docs = documents(instances);
    const seen = await Promise.all(fleet.replicas.map((node) => fleet.rest('GET', '/v1/instances', undefined, { node })));
    for (const { json } of seen) assert.deepEqual(json.data.map(({ lastSyncAt, ...doc }) => doc), docs, `after step ${i}`);
    const etags = new Set(seen.map(({ headers }) => headers.etag));
    assert.equal(etags.size, 1);
    const [etag] = etags;
    const hash = stateHash(docs);
    if (tags.has(hash)) assert.equal(etag, tags.get(hash), 'an equal state has an equal tag');
    else assert.ok(![...tags.values()].includes(etag), 'another state has another tag');
    tags.set(hash, etag);
  }
  const [one, ...others] = streams.map((stream) => stream.blocks.join('\n\n'));
  for (const other of others) assert.equal(other, one, 'byte for byte');
  t.diagnostic(`${expected.length} events, ${tags.size} states`);
});

test('fleet: many changes at once are told in one order', { timeout: 90000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '100ms' });
  const streams = await Promise.all(fleet.replicas.map((node) => fleet.events(node)));
  const random = new Random(SEED);
  const agents = Array.from({ length: 20 }, (_, i) => fleet.agent({ name: `a${i}` }));
  let isOver = false;
  const disturb = async (agent) => {
    while (!isOver) {
      const count = agent.polls.length;
      const id = `r${random.below(30)}`;
      if (!agent.removeRoom(id)) agent.addRoom(id, 'match', { connections: random.below(9) });
      if (random.below(20) === 0) agent.breakOff();
      await until('it is polled', () => isOver || agent.polls.length > count, 20000);
    }
  };
  const all = agents.map(disturb);
  await until('there is enough to compare', () => streams[0].blocks.length > 1500, 60000);
  isOver = true;
  await Promise.all(all);
  for (const agent of agents) await agent.inStep();
  const { stateHash: last } = await fleet.get('/v1/stats');
  const isLast = (stream) => stream.list.findLast(({ type }) => type === 'sync').data.stateHash === last;
  await until('all streams have come to the end', () => streams.every(isLast));
  const [one, ...others] = streams.map((stream) => stream.blocks);
  for (const other of others) assert.deepEqual(other, one);
  const hashes = streams[0].list.filter(({ type }) => type === 'sync').map(({ data }) => data.stateHash);
  assert.ok(hashes.every((hash, i) => hash !== hashes[i - 1]), 'each sync is a change');
  const rooms = await fleet.get('/v1/rooms');
  const told = new Set();
  for (const { type, data } of streams[0].list) {
    if (type === 'room:create') assert.equal(told.size, told.add(data.id).size - 1, `${data.id} is created once`);
    if (type === 'room:destroy') assert.ok(told.delete(data.id), `${data.id} was there`);
  }
  assert.deepEqual([...told].sort(), rooms.map(({ id }) => id).sort());
});

test('fleet: the very first events of a log are heard on every node', { timeout: 90000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '1s', args: ['--settle-delay', '1ms'] });
  for (let i = 0; i < 12; i++) {
    await t.test(`realm ${i}`, async () => {
      const realm = ['--realm', `realm-${i}`];
      const key = await fleet.token('admin', `admin-${i}`, ...realm);
      const agentKey = await fleet.token('agent', `agent-${i}`, ...realm);
      const streams = await Promise.all(fleet.replicas.map((node) => fleet.events(node, { key })));
      const agents = Array.from({ length: 8 }, (_, n) => fleet.agent({ key: agentKey, name: `a${n}` }));
      for (const stream of streams) await stream.has(2 * agents.length); // each joins, and is a change
      const [one, ...others] = streams.map((stream) => stream.blocks);
      for (const other of others) assert.deepEqual(other, one);
      agents.forEach((agent) => agent.stop());
      streams.forEach((stream) => stream.close());
    });
  }
});
