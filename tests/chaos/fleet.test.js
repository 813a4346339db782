// SPDX-License-Identifier: MIT
// A fleet while replicas are killed and restarted, and while Redis is away: callers are always answered, a retry with
// the same room id is safe, agents come back or were never gone, and afterwards everything is what it should be.
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { refusal, rest, startFleet } from '../e2e/lib/fleet.js';
import { baseOf, documents } from '../e2e/lib/fleet-model.js';
import { until } from '../e2e/lib/process.js';
import { pause, Random, SEED } from './lib.js';

const AGENTS = 12;
const CALLERS = 8;
const PACE_MS = 40; // an agent may say 33 things a second
const TIMEOUT_MS = 2000;
const ANSWERED_MS = 3 * TIMEOUT_MS + 3000; // the time-out, what asks beyond it, and a busy machine
const ARGS = ['--fleet-command-timeout', `${TIMEOUT_MS}ms`, '--auth-failures', '0', '--redis-timeout', '2s'];

/** Creates rooms one after the other, each until it is known to be there; keeps how it was answered. */
class Caller {
  constructor(fleet, name, uidOf) {
    Object.assign(this, { fleet, name, uidOf, done: [], answers: {}, slowest: 0, isOver: false });
    this.ended = this.run();
  }

  async run() {
    for (let n = 0; !this.isOver; n++) {
      const id = `${this.name}-${n}`;
      const processUid = this.uidOf?.();
      while (!(await this.ask(id, processUid))) await pause(50);
      this.done.push({ id, processUid });
      await pause(PACE_MS);
    }
  }

  /** Is it made? Nobody's answer may be anything but one of these. */
  async ask(roomId, processUid) {
    const begun = performance.now();
    const body = { type: 'match', roomId, placement: processUid && { processUid } };
    const { status, cause } = await rest(this.fleet.balancer, 'POST', '/v1/rooms', body, { timeout: ANSWERED_MS }).then(
      ({ status, text }) => ({ status, cause: text.startsWith('{') ? JSON.parse(text).cause : 'the balancer' }),
      (error) => ({ status: 'broken off', cause: error.code ?? error.message }));
    this.slowest = Math.max(this.slowest, performance.now() - begun);
    const answer = `${status} ${cause ?? ''}`.trim();
    this.answers[answer] = (this.answers[answer] ?? 0) + 1;
    return status === 201 || (cause === 'ROOM_EXISTS' && this.isThere(roomId));
  }

  /** An id may be taken by a command of which nobody knows yet how it ends: then it is asked for again. */
  async isThere(roomId) {
    const { status } = await rest(this.fleet.balancer, 'GET', `/v1/rooms/${roomId}`).catch(() => ({}));
    return status === 200;
  }
}

const GOOD_ANSWERS = /^(201|409 (ROOM_EXISTS|NO_CANDIDATE)|404 INSTANCE_NOT_FOUND|429 INSTANCE_BUSY|50[24] (INSTANCE_DISCONNECTED|COMMAND_TIMEOUT)|409 INSTANCE_DRAINING|503 (UNAVAILABLE|NOT_READY)|50[234] the balancer|broken off (ECONNRESET|socket hang up))$/;

function checkAnswers(t, callers) {
  const all = {};
  for (const { answers } of callers) for (const [what, count] of Object.entries(answers)) all[what] = (all[what] ?? 0) + count;
  t.diagnostic(`answers: ${JSON.stringify(all)}`);
  for (const what of Object.keys(all)) assert.match(what, GOOD_ANSWERS);
  const slowest = Math.max(...callers.map((caller) => caller.slowest));
  assert.ok(slowest < ANSWERED_MS, `${slowest} ms without an answer`);
  assert.ok(all['201'] > CALLERS * 5, 'there was load');
}

/** What all nodes say is what the agents are. */
async function untilTrue(fleet, agents) {
  const want = () => agents.map((agent) => [agent.instanceId, agent.rooms.length]).sort().join(';');
  for (const node of fleet.replicas) {
    await until(`node ${node.port} knows all agents as they are: ${want()}`, async () => {
      const { status, text } = await rest(node, 'GET', '/v1/instances');
      return status === 200 && JSON.parse(text).data.map(({ id, rooms }) => [id, rooms.length]).sort().join(';') === want();
    }, 30000);
  }
}

async function checkRooms(t, fleet, agents, callers) {
  const made = new Map();
  for (const agent of agents) for (const { id } of agent.rooms) made.set(id, (made.get(id) ?? 0) + 1);
  const listed = new Set((await fleet.get('/v1/rooms')).map(({ id }) => id));
  let twice = 0;
  for (const { id, processUid } of callers.flatMap((caller) => caller.done)) {
    assert.ok(listed.has(id), `${id} is listed`);
    if (processUid) assert.equal(made.get(id), 1, `${id} is made once`);
    else if (made.get(id) > 1) twice++;
  }
  // whose agent was away when its caller asked again elsewhere; it is listed behind that agent's processUid
  t.diagnostic(`${made.size} rooms, ${twice} of them on two instances`);
  const behind = [...listed].filter((id) => id.includes('~'));
  assert.equal(behind.length, [...made.values()].reduce((sum, count) => sum + count - 1, 0), `${behind}`);
}

async function startLoad(t, args = ARGS) {
  const fleet = await startFleet(t, { heartbeat: '500ms', args });
  const agents = await fleet.join(...Array.from({ length: AGENTS }, (_, i) => ({ name: `a${i}` })));
  const random = new Random(SEED);
  const uidOf = () => random.pick(agents).processUid;
  const callers = Array.from({ length: CALLERS }, (_, i) => new Caller(fleet, `c${i}`, i % 2 === 0 ? uidOf : undefined));
  t.after(() => callers.forEach((caller) => (caller.isOver = true)));
  return { fleet, agents, callers, random };
}

async function finish(t, { fleet, agents, callers }) {
  await pause(1000);
  callers.forEach((caller) => (caller.isOver = true));
  await Promise.all(callers.map((caller) => caller.ended));
  await untilTrue(fleet, agents);
  checkAnswers(t, callers);
  await checkRooms(t, fleet, agents, callers);
}

test(`fleet: 12 kills, seed ${SEED}`, { timeout: 240000 }, async (t) => {
  const load = await startLoad(t);
  const { fleet, random } = load;
  for (let i = 0; i < 12; i++) {
    const victim = random.pick(fleet.replicas);
    await pause(300 + random.below(1200));
    await victim.kill();
    await pause(random.below(800));
    await victim.launch();
  }
  await finish(t, load);
});

test(`fleet: planned restarts, seed ${SEED}`, { timeout: 240000 }, async (t) => {
  const load = await startLoad(t);
  const { fleet, random, agents } = load;
  for (let i = 0; i < 6; i++) {
    const node = fleet.replicas[i % 3];
    await pause(300 + random.below(1000));
    await node.stop();
    await node.launch();
  }
  for (const { code } of agents.flatMap((agent) => agent.closes)) assert.ok([4003, 1012, 1006].includes(code), `${code}`);
  await finish(t, load);
});

test('fleet: the node of an agent is killed with its commands in flight', { timeout: 90000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '500ms', args: ARGS });
  const [victim, asked, third] = fleet.replicas;
  const [agent] = await fleet.join({ name: 'x', url: `${victim.wsUrl}/`, keepsAcks: true });
  const before = agent.instanceId;
  const placement = { processUid: agent.processUid };
  const answers = [asked, third].flatMap((node, i) => [0, 1, 2].map((n) =>
    fleet.create({ type: 'match', roomId: `r${i}${n}`, placement }, { node })));
  await until('all are with it', () => agent.cmds.length === answers.length);
  const begun = performance.now();
  agent.url = `${asked.wsUrl}/`;
  await victim.kill();
  for (const { status, text } of await Promise.all(answers)) {
    assert.ok([refusal('INSTANCE_DISCONNECTED'), refusal('COMMAND_TIMEOUT')].includes(text), `${status} ${text}`);
  }
  t.diagnostic(`answered ${Math.round(performance.now() - begun)} ms after the kill`);
  assert.ok(performance.now() - begun < ANSWERED_MS);
  agent.keepsAcks = false;
  await fleet.listed(agent, 20000);
  await until('a retry finds what was made', async () =>
    (await fleet.create({ type: 'match', roomId: 'r00', placement }, { node: third })).text === refusal('ROOM_EXISTS'));
  assert.equal(agent.rooms.length, 6);
  await until('what the dead node left is swept', async () =>
    (await fleet.rest('GET', `/v1/instances/${before}`, undefined, { node: asked })).status === 404, 20000);
  const rooms = (await fleet.rest('GET', '/v1/rooms', undefined, { node: asked })).json.data.map(({ id }) => id);
  assert.deepEqual(rooms, agent.rooms.map(({ id }) => id).sort());
  await victim.launch();
});

// ---- Redis ---------------------------------------------------------------------------------------------------

const FAULTS = {
  'paused for five seconds': async ({ redis }, meanwhile) => {
    redis.pause();
    await meanwhile();
    await pause(5000);
    redis.resume();
  },
  'killed and restarted with its append-only file': async ({ redis }, meanwhile) => {
    await redis.kill();
    await meanwhile();
    await pause(2000);
    await redis.restart();
  },
  'away until commands are overdue': async ({ redis }, meanwhile) => {
    await redis.kill();
    await meanwhile();
    await pause(TIMEOUT_MS + 6000);
    await redis.restart();
  },
  'its clients are cut': async ({ redis }) => {
    for (let i = 0; i < 5; i++) {
      await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await pause(200);
    }
  },
  'its scripts are flushed': async ({ redis }) => {
    for (let i = 0; i < 10; i++) {
      await redis.command('SCRIPT', 'FLUSH');
      await pause(50);
    }
  },
};

for (const [name, inject] of Object.entries(FAULTS)) {
  test(`fleet: Redis: ${name}`, { timeout: 120000 }, async (t) => {
    const load = await startLoad(t);
    const { fleet, agents } = load;
    const ids = agents.map((agent) => agent.instanceId);
    await pause(500);
    await inject(fleet, async () => {
      for (const node of fleet.replicas) {
        const { status, text, headers } = await until(`node ${node.port} says so`, async () => {
          const answer = await rest(node, 'GET', '/v1/stats');
          return answer.status !== 200 && answer;
        });
        assert.deepEqual([status, text], [503, refusal('UNAVAILABLE')]);
        assert.ok(Number(headers['retry-after']) >= 1);
      }
      const counts = agents.map((agent) => agent.polls.length);
      await until('agents are polled all the same', () => agents.every((agent, i) => agent.polls.length > counts[i] + 2));
    });
    await Promise.all(fleet.replicas.map((node) => node.untilReady(15000)));
    await finish(t, load);
    assert.deepEqual(agents.flatMap((agent) => agent.closes), [], 'nobody was evicted or kicked');
    assert.deepEqual(agents.map((agent) => agent.instanceId), ids);
  });
}

test('fleet: Redis has lost everything', { timeout: 90000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '500ms', args: ARGS });
  const agents = await fleet.join(...Array.from({ length: 5 }, (_, i) => ({
    name: `a${i}`, rooms: [{ id: 'same name', type: 'match', connections: i, origin: 'local' }] })));
  const ids = agents.map((agent) => agent.instanceId);
  agents[0].keepsAcks = true;
  const asked = fleet.create({ type: 'match', roomId: 'x', placement: { instanceId: ids[0] } });
  await until('it is with its agent', () => agents[0].cmds.length === 1);
  await fleet.redis.command('FLUSHALL');
  agents[0].release(); // of a command that nobody knows any more
  const { status } = await asked;
  assert.ok([201, 502, 504].includes(status), `${status}`);
  await untilTrue(fleet, agents);
  assert.deepEqual(agents.map((agent) => agent.instanceId), ids, 'under the same ids');
  assert.deepEqual(agents.flatMap((agent) => agent.closes), []);
  const shown = (await fleet.get('/v1/instances')).sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
  const rooms = (list) => list.map((doc) => doc.rooms.filter(({ id }) => id.endsWith(baseOf('same name'))).length);
  assert.deepEqual(rooms(shown), rooms(documents(agents.map((agent) => ({ id: agent.instanceId, snapshot: agent.snapshot() })))));
  await until('rooms are made again', async () => (await fleet.create({ type: 'match' })).status === 201);
});

test('fleet: Redis has lost the last that it was told', { timeout: 90000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '500ms', args: ARGS });
  const agents = await fleet.join(...['a', 'b', 'c'].map((name) => ({ name, rooms: [{ id: `${name}-old`, type: 'match', connections: 0, origin: 'local' }] })));
  const [changes, leaves] = agents;
  const file = join(fleet.redis.folder, 'appendonlydir');
  cpSync(file, `${file}-kept`, { recursive: true });

  changes.removeRoom('a-old');
  changes.addRoom('a-new', 'match');
  leaves.stop();
  const [comes] = await fleet.join({ name: 'd' });
  const stay = [...agents.filter((agent) => agent !== leaves), comes];
  const ids = stay.map((agent) => agent.instanceId);
  await changes.inStep();
  await untilTrue(fleet, stay);

  await fleet.redis.kill();
  rmSync(file, { recursive: true });
  cpSync(`${file}-kept`, file, { recursive: true });
  await fleet.redis.restart();
  await Promise.all(fleet.replicas.map((node) => node.untilReady(15000)));
  await untilTrue(fleet, stay);
  for (const node of fleet.replicas) {
    await until(`node ${node.port} shows what is there`, async () => {
      const { status, text } = await rest(node, 'GET', '/v1/rooms');
      return status === 200 && JSON.parse(text).data.map(({ id }) => id).sort().join() === 'a-new,c-old';
    });
  }
  assert.equal((await fleet.redis.command('HKEYS', 'sb:{fleet:default:all}:claims')).split('\n').sort().join(), 'a-new,c-old');
  for (const [roomId, status] of [['a-old', 201], ['b-old', 201], ['a-new', 409]]) {
    assert.equal((await fleet.create({ type: 'match', roomId })).status, status, roomId);
  }
  assert.deepEqual(stay.map((agent) => agent.instanceId), ids, 'under the same ids');
  assert.deepEqual(stay.flatMap((agent) => agent.closes), []);
});
