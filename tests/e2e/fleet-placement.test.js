// SPDX-License-Identifier: MIT
// Where rooms go: random fleets against the plain model, ties, and what many callers at once cannot do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, SEED } from '../chaos/lib.js';
import { refusal, startFleet } from './lib/fleet.js';
import { choices } from './lib/fleet-model.js';
import { until } from './lib/process.js';

const FLEETS = Number(process.env.SIGNALBOX_FLEETS ?? 4);
const AGENTS = 60;
const CREATES = 250;
const TYPES = ['lobby', 'match', 'arena', 'duel'];
const QUIET = '60s'; // no state but the first: what the model knows is what the store knows
const CALLERS = 24;

const some = (random, items) => items.filter(() => random.below(2) === 0);
const maybe = (random, value) => (random.below(2) === 0 ? undefined : value);

function randomAgent(random, i, isDeclared) {
  const rooms = Array.from({ length: random.below(6) }, (_, n) => ({
    id: `own-${i}-${n}`, type: random.pick(TYPES), connections: random.below(4) * 25, origin: random.pick(['local', 'fleet']),
  }));
  return {
    name: `a${i}`, rooms, roomTypes: some(random, TYPES), autoCreate: random.below(8) > 0,
    status: random.below(8) > 0 ? 'active' : random.pick(['draining', 'sleepy']),
    labels: { region: random.pick(['eu', 'us', 'ap']), ...(random.below(2) && { tier: random.pick(['gold', 'iron']) }) },
    maxRooms: maybe(random, random.below(9)),
    maxConnections: isDeclared ? 100 + random.below(5) * 50 : maybe(random, random.below(4) * 75),
  };
}

function randomRequest(random) {
  const placement = {};
  if (random.below(2)) placement.labels = { region: random.pick(['eu', 'us', 'ap']), ...(random.below(3) === 0 && { tier: 'gold' }) };
  const strategy = random.pick([undefined, 'least-loaded', 'most-loaded', 'random', 'a new one']);
  if (strategy) placement.strategy = strategy;
  if (random.below(10) === 0) placement.type = random.pick(TYPES);
  return { type: random.pick(TYPES), placement };
}

for (let round = 0; round < FLEETS; round++) {
  const seed = SEED + round;
  test(`fleet: ${CREATES} random placements among ${AGENTS}, seed ${seed}`, { timeout: 120000 }, async (t) => {
    const random = new Random(seed);
    const fleet = await startFleet(t, { heartbeat: QUIET });
    const agents = Array.from({ length: AGENTS }, (_, i) => fleet.agent(randomAgent(random, i, round % 2 === 1)));
    await until('all are listed', async () => (await fleet.get('/v1/stats')).instances === AGENTS, 30000);
    const instances = agents.map((agent) => ({ id: agent.instanceId, snapshot: structuredClone(agent.snapshot()), held: 0, agent }));
    const byId = new Map(instances.map((instance) => [instance.id, instance]));
    let placed = 0;
    for (let i = 0; i < CREATES; i++) {
      const { type, placement } = randomRequest(random);
      const allowed = choices(instances, type, placement);
      // an agent that cannot make the type that was asked for refuses: what counts is where it was sent
      const sent = agents.map((agent) => agent.cmds.length);
      const answer = await fleet.create({ type, placement });
      const context = `${i}: ${JSON.stringify({ type, placement })} → ${answer.status} ${answer.text}`;
      if (allowed.length === 0) {
        assert.equal(answer.text, refusal('NO_CANDIDATE'), context);
        continue;
      }
      const told = instances.filter((instance, n) => instance.agent.cmds.length > sent[n]);
      assert.equal(told.length, 1, context);
      assert.ok(allowed.includes(told[0]), `${context}; allowed ${allowed.map(({ id }) => id)}`);
      if (answer.status === 201) {
        assert.equal(byId.get(answer.json.data.instanceId), told[0], context);
        told[0].held++;
        placed++;
      } else {
        assert.equal(answer.text, refusal('COMMAND_FAILED'), context);
        assert.ok(!told[0].snapshot.roomTypes.includes(type), context);
      }
    }
    t.diagnostic(`${placed} placed`);
    assert.ok(placed > CREATES / 4, `${placed} placed`);
  });
}

// an agent may say 66 things at once, and 33 a second: so many acknowledgements, and no more
const SHARED = 160;

test('fleet: between equals each has its share', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: QUIET });
  for (const placement of [undefined, { labels: { tier: 'gold' } }, { strategy: 'random' }, { strategy: 'most-loaded' }]) {
    const agents = await fleet.join(...Array.from({ length: 4 }, (_, i) => ({ name: `a${i}`, labels: { tier: 'gold' } })));
    let left = SHARED;
    const caller = async () => {
      while (left-- > 0) assert.equal((await fleet.create({ type: 'match', placement })).status, 201);
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    const shares = agents.map((agent) => agent.cmds.length);
    // 40 ± 4.7 standard deviations
    assert.ok(shares.every((share) => share > 14 && share < 66), `${JSON.stringify(placement)}: ${shares}`);
    agents.forEach((agent) => agent.stop());
    for (const agent of agents) await fleet.gone(agent.instanceId);
  }
});

test('fleet: what many callers cannot do', { timeout: 90000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: QUIET });
  const count = (answers) => {
    const counts = {};
    for (const { status, text } of answers) {
      const what = status === 201 ? '201' : `${status} ${JSON.parse(text).cause}`;
      counts[what] = (counts[what] ?? 0) + 1;
    }
    return counts;
  };

  await t.test('200 creates of one id: one wins', async () => {
    const agents = await fleet.join({}, {}, {}, {}, {}, {}, {}, {});
    for (let i = 0; i < 3; i++) {
      const answers = await Promise.all(Array.from({ length: 200 }, () => fleet.create({ type: 'match', roomId: `one-${i}` })));
      assert.deepEqual(count(answers), { 201: 1, '409 ROOM_EXISTS': 199 });
    }
    assert.equal(agents.reduce((sum, agent) => sum + agent.rooms.length, 0), 3);
    agents.forEach((agent) => agent.stop());
    for (const agent of agents) await fleet.gone(agent.instanceId);
  });

  await t.test('64 creates for the last slot: one has it', async () => {
    for (let i = 0; i < 5; i++) {
      const [agent] = await fleet.join({ maxRooms: 3, rooms: [0, 1].map((n) => ({ id: `own-${n}`, type: 'match', connections: 0, origin: 'local' })) });
      const answers = await Promise.all(Array.from({ length: 64 }, () => fleet.create({ type: 'match' })));
      assert.deepEqual(count(answers), { 201: 1, '409 NO_CANDIDATE': 63 });
      assert.equal(agent.cmds.length, 1, 'none that the agent had to refuse');
      agent.stop();
      await fleet.gone(agent.instanceId);
    }
  });

  await t.test('64 creates for twenty slots on five', async () => {
    const agents = await fleet.join(...Array.from({ length: 5 }, () => ({ maxRooms: 4 })));
    const answers = await Promise.all(Array.from({ length: 64 }, () => fleet.create({ type: 'match' })));
    assert.deepEqual(count(answers), { 201: 20, '409 NO_CANDIDATE': 44 });
    assert.deepEqual(agents.map((agent) => agent.cmds.length), [4, 4, 4, 4, 4]);
    agents.forEach((agent) => agent.stop());
  });
});

test('fleet: placement, row by row', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: QUIET });
  const [open, shut, drained, full] = await fleet.join(
    { name: 'open', labels: { at: 'open' } }, { name: 'shut', autoCreate: false, labels: { at: 'shut' } },
    { name: 'drained', status: 'draining', labels: { at: 'drained' } },
    { name: 'full', maxRooms: 0, maxConnections: 0, labels: { at: 'full' } });
  const at = (agent, more) => ({ instanceId: agent.instanceId, ...more });
  const rows = [
    ['by instance', at(open), 201],
    ['by processUid', { processUid: open.processUid }, 201],
    ['by both', { ...at(open), processUid: open.processUid }, 'VALIDATION'],
    ['an instance that is not there', { instanceId: '0000000000000000' }, 'INSTANCE_NOT_FOUND'],
    ['a processUid that is not there', { processUid: 'p_0' }, 'INSTANCE_NOT_FOUND'],
    ['null for an instance', { instanceId: null }, 'INSTANCE_NOT_FOUND'],
    ['a number for an instance', { instanceId: 7 }, 'INSTANCE_NOT_FOUND'],
    ['drained', at(drained), 'INSTANCE_DRAINING'],
    ['drained, forced', at(drained, { force: true }), 201],
    ['without autoCreate', at(shut), 'NO_CANDIDATE'],
    ['without autoCreate, forced', at(shut, { force: true }), 'NO_CANDIDATE'],
    ['pinned, labels are not looked at', at(open, { labels: { at: 'elsewhere' }, strategy: 7 }), 201],
    ['pinned, the agent knows its bounds', at(full), 'COMMAND_FAILED'],
    ['labels that are there', { labels: { at: 'open' } }, 201],
    ['labels that are not', { labels: { at: 'nowhere' } }, 'NO_CANDIDATE'],
    ['labels of one that drains, forced', { labels: { at: 'drained' }, force: true }, 'NO_CANDIDATE'],
    ['labels of one that is full', { labels: { at: 'full' } }, 'NO_CANDIDATE'],
    ['a number is no label', { labels: { at: 7 } }, 'NO_CANDIDATE'],
    ['no labels at all', { labels: {} }, 201],
    ['labels that are null', { labels: null }, 'VALIDATION'],
    ['another type to look for', { type: 'lobby', labels: { at: 'open' } }, 201],
    ['another type that is not there', { type: 'else' }, 'NO_CANDIDATE'],
  ];
  const statuses = { VALIDATION: 400, INSTANCE_NOT_FOUND: 404, COMMAND_FAILED: 502 };
  for (const [name, placement, want] of rows) {
    await t.test(name, async () => {
      const { status, text } = await fleet.create({ type: 'match', placement });
      if (want === 201) assert.equal(status, 201, text);
      else assert.deepEqual([status, text], [statuses[want] ?? 409, refusal(want)]);
    });
  }
  await t.test('an id that is taken comes before all of it', async () => {
    assert.equal((await fleet.create({ type: 'match', roomId: 'taken' })).status, 201);
    for (const placement of [undefined, at(drained), { instanceId: 'none' }, { labels: { at: 'nowhere' } }]) {
      assert.equal((await fleet.create({ type: 'match', roomId: 'taken', placement })).text, refusal('ROOM_EXISTS'));
    }
    assert.equal((await fleet.create({ type: 'match', roomId: 'ta ken', placement: { instanceId: 'none' } })).text, refusal('VALIDATION'));
  });
});
