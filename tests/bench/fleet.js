// SPDX-License-Identifier: MIT
// ./dev bench fleet: what a fleet costs while it lives, how fast rooms are made and placed, and how long large
// answers and states hold a node up.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ADMIN_KEY, AGENT_KEY, rest } from '../e2e/lib/fleet.js';
import { ROOT } from '../e2e/lib/process.js';
import { cleanUp, load, measure, pause, redisCost, run, startRedis, startSignalbox, until, usage } from './lib.js';

const TYPES = 5; // of fleet-agents.js
const PLACE = join(ROOT, 'build/place');
const KEYS = ['--agent-key', AGENT_KEY, '--admin-key', ADMIN_KEY];

/** Two nodes that serve a fleet. */
async function startFleet(heartbeat) {
  const redis = await startRedis();
  return { redis, nodes: await startSignalbox(redis, 2, [...KEYS, '--fleet-heartbeat', heartbeat]) };
}

/** What a node says of its fleet; nothing while Redis is too busy to be asked. */
const statsOf = async (node) => (await rest(node, 'GET', '/v1/stats')).json.data ?? {};

/** Agents in a process of their own, all of them listed. */
async function startAgents(nodes, count, rooms) {
  const child = spawn(process.execPath, [join(ROOT, 'tests/bench/fleet-agents.js'), String(count), String(rooms), AGENT_KEY,
    ...nodes.map(({ wsUrl }) => wsUrl)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value);
  const begun = performance.now();
  await next();
  await until('all are listed', async () => (await statsOf(nodes[0])).instances === count, 60000);
  return {
    pid: child.pid,
    joinedIn: (performance.now() - begun) / 1000,
    async counts() {
      child.stdin.write('counts\n');
      return next();
    },
    async end() {
      const gone = new Promise((resolve) => child.on('close', resolve));
      child.stdin.end('end\n');
      await gone;
    },
  };
}

/** The longest that a node did not answer a probe, one each millisecond, while `work` ran: milliseconds. */
async function longestBlock(node, seconds, work = () => {}) {
  const probing = load('--senders', 1, '--http', '--window', 1, '--rate', 1000, '--seconds', seconds, '--send', `${node.url}/healthz`);
  const [{ p50_us: usual, p99_us: most, max_us: longest }, result] = await Promise.all([probing, work()]);
  return { usual: usual / 1000, most: most / 1000, longest: longest / 1000, result };
}

/** The CPU time of everybody while 1,000 agents with 20 rooms each are polled every second. */
async function agents({ table, round }) {
  const seconds = 20;
  const { redis, nodes } = await startFleet('1s');
  const fleet = await startAgents(nodes, 1000, 20);
  await pause(3000);
  const who = { 'node 1': nodes[0].pid, 'node 2': nodes[1].pid, Redis: redis.child.pid };
  const before = await fleet.counts();
  const own = usage(fleet.pid);
  const costs = await Promise.all(Object.values(who).map((pid) => measure([pid], () => pause(seconds * 1000))));
  const after = await fleet.counts();
  const ownAfter = usage(fleet.pid);
  const share = (cpu) => `${round((cpu / seconds) * 100, 1)} %`;
  const all = costs.reduce((sum, { cpu }) => sum + cpu, 0);
  table('A fleet of 1,000 agents, 20 rooms each, a heartbeat of 1 s, two nodes',
    ['polls/s', ...Object.keys(who), 'in all', 'CPU µs per poll', '(the agents themselves)', 'lost'],
    [['signalbox', round((after.polls - before.polls) / seconds), ...costs.map(({ cpu }) => share(cpu)), share(all),
      round((all / (after.polls - before.polls)) * 1e6), share(ownAfter.user + ownAfter.system - own.user - own.system), after.closes]]);
  await fleet.end();
  await cleanUp();
}

/** Rooms made for 64 callers of one node, on agents of both. */
async function create({ table, round }) {
  const { redis, nodes } = await startFleet('5s');
  const fleet = await startAgents(nodes, 200, 20);
  const pids = nodes.map(({ pid }) => pid);
  const ask = (seconds, name) => load('--senders', 64, '--http', '--window', 1, '--seconds', seconds, '--send', `${nodes[0].url}/v1/rooms`,
    '--header', `Authorization: Bearer ${ADMIN_KEY}\r\n`, '--message', `{"type":"match","roomId":"${name}-@N"}`);
  await ask(2, 'first');
  const { result: { result, cpu: nodesCpu }, cpu, scripts } = await redisCost(redis, () => measure(pids, () => ask(8, 'then')));
  table('POST /v1/rooms, 64 callers, acknowledgements included; 200 agents on two nodes',
    ['rooms/s', 'p50 ms', 'p99 ms', 'failed', 'CPU µs per room: nodes', 'Redis', 'script calls per room'],
    [['signalbox', round(result.answered / result.seconds), round(result.p50_us / 1000, 2), round(result.p99_us / 1000, 2),
      result.failed, round((nodesCpu / result.answered) * 1e6), round((cpu / result.answered) * 1e6), round(scripts / result.answered, 2)]]);
  await fleet.end();
  await cleanUp();
}

/** The script alone: [what is asked for, instances that have it of 1,000, batch, batches, tags] */
const placements = [
  ['a type', 1000 / TYPES, 200, 100],
  ['a type and a label of half', 1000 / TYPES / 2, 100, 200, 1],
  ['a type and a rare label', 10, 20, 500, 2],
  ['a type and two labels', 5, 10, 500, 1, 2],
];

async function placement({ table, round }) {
  const rows = [];
  for (const [what, fitting, batch, batches, ...tags] of placements) {
    const redis = await startRedis();
    const { code, stdout, stderr } = await run(PLACE, [redis.url, '1000', String(batch), String(batches), ...tags.map(String)]);
    if (code !== 0) throw new Error(stderr);
    const { placed, refused, failed, seconds } = JSON.parse(stdout);
    rows.push([what, fitting, round(placed / seconds), refused, failed]);
    await cleanUp();
  }
  table('Placement by itself, 1,000 instances, at most 64 at a time', ['instances that fit', 'placements/s', 'refused', 'failed'], rows, 'asked for');
}

/** GET /v1/rooms of 20,000 rooms, while the node is probed each millisecond. */
async function rooms({ table, round }) {
  const { nodes: [node, other] } = await startFleet('5s');
  const fleet = await startAgents([other], 1000, 20);
  const quiet = await longestBlock(node, 5);
  const asked = await longestBlock(node, 8, () => load('--senders', 1, '--http', '--window', 1, '--rate', 10, '--seconds', 8,
    '--send', `${node.url}/v1/rooms`, '--header', `Authorization: Bearer ${ADMIN_KEY}\r\n`));
  const row = (name, block) => [name, round(block.usual, 2), round(block.most, 2), round(block.longest, 2)];
  table('GET /v1/rooms of 20,000 rooms, ten times a second; the node is probed each millisecond',
    ['probe p50 ms', 'p99 ms', 'longest ms', 'answers', 'their p50 ms'],
    [[...row('nobody asks', quiet), '–', '–'],
      [...row('asked', asked), asked.result.answered, round(asked.result.p50_us / 1000, 1)]]);
  await fleet.end();
  await cleanUp();
}

const MOST = 50000; // rooms that an instance may have

/** One instance with 50,000 rooms joins, changes and leaves. */
async function large({ table, round }) {
  const { redis, nodes: [node, other] } = await startFleet('1s');
  await redis.command('CONFIG', 'SET', 'slowlog-log-slower-than', '1000');
  const count = async () => (await statsOf(other)).rooms;
  const timed = async (work, check) => {
    await redis.command('SLOWLOG', 'RESET');
    const block = await longestBlock(node, 10, async () => {
      const begun = performance.now();
      const result = await work();
      await until('it is seen on the other node', check, 60000);
      return { result, ms: performance.now() - begun };
    });
    const slow = (await redis.command('SLOWLOG', 'GET', '-1')).split('\n');
    const script = slow.reduce((most, line, i) => (/^evalsha/i.test(line) ? Math.max(most, Number(slow[i - 1])) : most), 0);
    return { ...block, script: script / 1000 };
  };
  const joined = await timed(() => startAgents([node], 1, MOST - 1), async () => (await count()) === MOST - 1);
  const fleet = joined.result.result;
  const made = await timed(() => rest(node, 'POST', '/v1/rooms', { type: 'match' }), async () => (await count()) === MOST);
  const left = await timed(() => fleet.end(), async () => (await count()) === 0);
  const row = (name, { result: { ms }, longest, script }) => [name, round(ms), round(longest, 1), round(script, 1)];
  table('An instance with 50,000 rooms (a state of 3 MiB)',
    ['ms until seen on the other node', 'longest that its node was held up, ms', 'longest script, ms'],
    [row('joins', joined), row('has one more room (a heartbeat of 1 s included)', made), row('leaves', left)]);
  await cleanUp();
}

export const parts = { agents, create, placement, rooms, large };
