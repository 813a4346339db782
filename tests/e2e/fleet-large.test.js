// SPDX-License-Identifier: MIT
// Fleets as large as they may be: 50,000 rooms in one instance, 20,000 rooms in many, states of megabytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFleet } from './lib/fleet.js';
import { until } from './lib/process.js';

const MOST = 50000;
const roomsOf = (count, make) => Array.from({ length: count }, (_, i) => ({ type: 'match', connections: i % 7, origin: 'local', id: make(i) }));

test('fleet: an instance with 50,000 rooms', { timeout: 180000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '2s', count: 2 });
  // 3 MiB on the wire: 63 bytes for each room
  const agent = fleet.agent({ rooms: roomsOf(MOST, (i) => `a-room-with-a-long-id-of-44-characters-${String(i).padStart(5, '0')}`) });
  await fleet.listed(agent, 60000);

  await t.test('is listed whole, on every node', async () => {
    for (const node of fleet.replicas) {
      const { json } = await fleet.rest('GET', '/v1/rooms', undefined, { node, timeout: 60000 });
      assert.equal(json.data.length, MOST);
      assert.equal(json.data.at(-1).id, agent.snapshot().rooms.at(-1).id);
      assert.equal((await fleet.rest('GET', '/v1/stats', undefined, { node })).json.data.rooms, MOST);
    }
  });

  await t.test('goes on, and changes', async () => {
    const before = agent.rooms[777].id;
    agent.removeRoom(before);
    await agent.inStep(30000);
    for (const node of fleet.replicas) {
      assert.equal((await fleet.rest('GET', `/v1/rooms/${before}`, undefined, { node })).status, 404);
    }
    assert.deepEqual(agent.closes, []);
  });

  await t.test('leaves', async () => {
    agent.stop();
    await fleet.gone(agent.instanceId, 30000);
    assert.deepEqual(await fleet.get('/v1/rooms'), []);
  });
});

test('fleet: 50,001 rooms are too many', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '1s', count: 1, balancer: false });
  const agent = fleet.agent({ rooms: roomsOf(MOST + 1, (i) => `r${i}`) });
  await until('three polls', () => agent.polls.length >= 3, 30000);
  assert.ok(agent.polls.every(({ knownHash }) => knownHash === undefined));
  assert.deepEqual([await fleet.get('/v1/instances'), agent.closes], [[], []]);
});

test('fleet: 20,000 rooms of a thousand instances', { timeout: 180000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '10s' });
  const agents = Array.from({ length: 1000 }, (_, i) => fleet.agent({ name: `a${i}`, rooms: roomsOf(20, (n) => `r-${i}-${n}`) }));
  await until('all are listed', async () => (await fleet.get('/v1/stats')).instances === agents.length, 90000);
  const bodies = await Promise.all(fleet.replicas.map((node) => fleet.rest('GET', '/v1/rooms', undefined, { node })));
  for (const { text, headers } of bodies) {
    assert.equal(text, bodies[0].text);
    assert.equal(headers.etag, bodies[0].headers.etag);
  }
  assert.equal(bodies[0].json.data.length, 20000);
  assert.equal(new Set(bodies[0].json.data.map(({ id }) => id)).size, 20000);
});
