// SPDX-License-Identifier: MIT
// Which full states are accepted, and how what they say is shown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFleet } from './lib/fleet.js';
import { documents } from './lib/fleet-model.js';
import { until } from './lib/process.js';

const rooms = (count, make = {}) =>
  Array.from({ length: count }, (_, i) => ({ id: `r${i}`, type: 'match', connections: 0, origin: 'local', ...make }));
const labels = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));
const url = (length) => `ws://h/${'x'.repeat(length - 7)}`;

const GOOD = {
  'a name of 64': { name: 'x'.repeat(64) },
  'a name of 32 pairs': { name: '😀'.repeat(32) },
  'no name': { name: '' },
  'a URL of 512': { endpointUrl: url(512) },
  'a URL with blanks around it': { endpointUrl: ' ws://h ' },
  'a URL in capitals': { endpointUrl: 'WSS://H/é' },
  'a URL without slashes': { endpointUrl: 'http:foo' },
  '256 types of 64': { roomTypes: Array.from({ length: 256 }, (_, i) => String(i).padEnd(64, 'x')) },
  '32 labels': { labels: labels(32) },
  'a label of 64': { labels: { ['k'.repeat(64)]: 'v'.repeat(64) } },
  'a room id of 256': { rooms: rooms(1, { id: 'x'.repeat(256) }) },
  'an empty room id': { rooms: rooms(1, { id: '' }) },
  'a room type of 64': { rooms: rooms(1, { type: 'x'.repeat(64) }) },
  'a million connections': { rooms: rooms(2, { connections: 1_000_000 }) },
  'another status': { status: 'sleepy' },
  'any processUid and version': { processUid: 'any thing', agentVersion: '' },
  'capacities of nothing and less': { maxConnections: 0, maxRooms: -1 },
  'quotes and controls': { name: '"\\/\b\f\n\r\t\u0001\u2028<é😀>', labels: { 'a"b': 'c\\d' } },
  'an origin of its own': { rooms: rooms(1, { origin: 'elsewhere' }) },
  'sums above 32 bits': { rooms: rooms(4300, { connections: 1_000_000 }) },
  'two thousand rooms': { rooms: rooms(2000) },
};

const BAD = {
  'a name of 65': { name: 'x'.repeat(65) },
  'a name of 33 pairs': { name: '😀'.repeat(33) },
  'a URL of 513': { endpointUrl: url(513) },
  'no URL': { endpointUrl: '' },
  'a URL that is none': { endpointUrl: 'nope' },
  'a URL without a host': { endpointUrl: 'ws:///' },
  'a URL with half an address': { endpointUrl: 'ws://[::1' },
  'a URL with a blank in it': { endpointUrl: 'ws://a b' },
  'a URL with a port too high': { endpointUrl: 'http://h:99999' },
  'a URL of another scheme': { endpointUrl: 'javascript:alert(1)' },
  '257 types': { roomTypes: Array.from({ length: 257 }, (_, i) => `t${i}`) },
  'a type of 65': { roomTypes: ['x'.repeat(65)] },
  '33 labels': { labels: labels(33) },
  'a label key of 65': { labels: { ['k'.repeat(65)]: 'v' } },
  'a label value of 65': { labels: { k: 'v'.repeat(65) } },
  'a room id of 257': { rooms: rooms(1, { id: 'x'.repeat(257) }) },
  'a room type of 65': { rooms: rooms(1, { type: 'x'.repeat(65) }) },
  'more than a million connections': { rooms: rooms(1, { connections: 1_000_001 }) },
};

test('fleet: states', { timeout: 120000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '250ms' });

  for (const [name, options] of Object.entries(GOOD)) {
    await t.test(`accepted: ${name}`, async () => {
      const [agent] = await fleet.join(structuredClone(options));
      const { lastSyncAt, ...shown } = await fleet.get(`/v1/instances/${agent.instanceId}`);
      const [want] = documents([{ id: agent.instanceId, snapshot: agent.snapshot() }]);
      assert.deepEqual(shown, want);
      assert.ok(Number.isInteger(lastSyncAt));
      agent.stop();
      await fleet.gone(agent.instanceId);
    });
  }

  await t.test('members stand in order, and no others', async () => {
    const [agent] = await fleet.join({ labels: { b: '1', a: '2' }, rooms: rooms(1), name: 'é"' });
    const { text } = await fleet.rest('GET', `/v1/instances/${agent.instanceId}`);
    const shown = text.replace(/"lastSyncAt":\d+/, '"lastSyncAt":0');
    const [doc] = documents([{ id: agent.instanceId, snapshot: agent.snapshot() }]);
    const { agentVersion, protocolVersion, ...before } = doc;
    assert.equal(shown, JSON.stringify({ status: 'OK', data: { ...before, lastSyncAt: 0, agentVersion, protocolVersion } }));
    agent.stop();
    await fleet.gone(agent.instanceId);
  });

  await t.test('rejected states keep an agent alive, and out', async (inner) => {
    const agents = Object.entries(BAD).map(([name, options]) => [name, fleet.agent(structuredClone(options))]);
    for (const [name, agent] of agents) {
      await inner.test(name, async () => {
        await until('five polls', () => agent.polls.length >= 5);
        assert.deepEqual([...new Set(agent.polls.map(({ knownHash }) => knownHash))], [undefined]);
        assert.deepEqual(agent.closes, []);
        assert.equal((await fleet.rest('GET', `/v1/instances/${agent.instanceId}`)).status, 404);
        agent.stop();
      });
    }
  });

  await t.test('the last good state stays, and is what is known', async () => {
    const [agent] = await fleet.join({ name: 'good' });
    await agent.inStep();
    const good = agent.hash();
    agent.name = 'x'.repeat(65);
    const count = agent.polls.length;
    await until('four more polls', () => agent.polls.length >= count + 4);
    assert.ok(agent.polls.slice(count).every(({ knownHash }) => knownHash === good || knownHash === undefined));
    assert.equal((await fleet.get(`/v1/instances/${agent.instanceId}`)).name, 'good');
    agent.name = 'better';
    await agent.inStep();
    assert.equal((await fleet.get(`/v1/instances/${agent.instanceId}`)).name, 'better');
    agent.stop();
    await fleet.gone(agent.instanceId);
  });

  await t.test('the first failure counts, and nothing of the state is taken', async () => {
    const agent = fleet.agent({ name: 'x'.repeat(65), rooms: rooms(1, { id: 'taken' }) });
    await until('two polls', () => agent.polls.length >= 2);
    assert.equal((await fleet.rest('GET', '/v1/rooms/taken')).status, 404);
    agent.stop();
  });
});

// ---- names of rooms ---------------------------------------------------------------------------------------

test('fleet: rooms of one name', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '200ms' });
  const at = (i, options) => ({ url: `${fleet.replicas[i].wsUrl}/`, ...options });
  const local = (id) => ({ id, type: 'match', connections: 0, origin: 'local' });
  const agents = await fleet.join(
    at(0, { processUid: 'p_D1', rooms: [local('dd'), local('a/b ~é'), local('x'.repeat(65))] }),
    at(1, { processUid: 'p_D2', rooms: [local('dd'), local('only')] }),
    at(2, { processUid: 'p_D3', rooms: [{ ...local('dd'), origin: 'fleet' }, local('twice'), local('twice')] }));
  const shown = async (node) => (await fleet.rest('GET', '/v1/rooms', undefined, { node })).json.data.map(({ id }) => id);
  const model = () => documents(agents.filter((agent) => !agent.isStopped).map((agent) =>
    ({ id: agent.instanceId, snapshot: agent.snapshot() }))).flatMap((doc) => doc.rooms.map(({ id }) => id));
  const agree = async () => {
    for (const node of fleet.replicas) await until(`${model()}`, async () => `${await shown(node)}` === `${model()}`);
  };

  await t.test('one keeps it, the others have it behind their processUid', async () => {
    await agree();
    assert.deepEqual(model(), ['a%2Fb%20%7E%C3%A9', 'p_D1~dd', 'x'.repeat(65), 'p_D2~dd', 'only', 'dd', 'twice', 'p_D3~twice']);
  });

  await t.test('each is found by the name it is shown under, on every node', async () => {
    for (const node of fleet.replicas) {
      for (const id of model()) {
        const found = await fleet.rest('GET', `/v1/rooms/${id}`, undefined, { node });
        assert.equal(found.status, 200, `${id}: ${found.text}`);
        assert.equal(found.json.data.id, id);
      }
      assert.equal((await fleet.rest('GET', '/v1/rooms/%64d', undefined, { node })).status, 404);
    }
  });

  await t.test('a room is destroyed by the name that its agent gave it', async () => {
    const gone = await fleet.rest('DELETE', '/v1/rooms/p_D2~dd');
    assert.deepEqual([gone.status, agents[1].cmds.at(-1).roomId], [200, 'dd']);
    assert.equal((await fleet.rest('DELETE', '/v1/rooms/a%2Fb%20%7E%C3%A9')).status, 200);
    assert.equal(agents[0].cmds.at(-1).roomId, 'a/b ~é');
    await agree();
  });

  await t.test('when the keeper goes the next takes its name', async () => {
    agents[2].stop();
    await fleet.gone(agents[2].instanceId);
    await agree();
    assert.ok(model().includes('dd'));
  });
});
