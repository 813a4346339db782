// SPDX-License-Identifier: MIT
// ./dev bench socketio: Socket.IO on signalbox and on Socket.IO 4 with its Redis adapter, two processes each.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { secretToken } from '../e2e/lib/jwt.js';
import { ROOT } from '../e2e/lib/process.js';
import { cleanUp, hold, load, measure, pause, redisCost, startRedis, startSignalbox, startSocketIo, token, usage } from './lib.js';

const SIO = '/socket.io/?EIO=4&transport=websocket';
const SECRET = 'the secret of the benches';
const JWT = secretToken(SECRET, { sub: 'bench', rooms: { '*': ['join', 'emit'] } });
const TEXT = 'a line of some length, as people write them, and a bit more to reach two hundred bytes in all';

/** How each of the two is spoken to. */
const systems = {
  signalbox: {
    start: (redis) => startSignalbox(redis, 2, ['--jwt-secret', SECRET]),
    connect: `40{"token":"${JWT}"}`,
    join: (room) => `420["signalbox:join",{"room":"${room}"}]`,
    emit: (room, text) => `421["signalbox:emit",{"room":"${room}","event":"message","args":["${text}"]}]`,
    async publish(redis, node) {
      const bearer = await token(redis, 'server', 'bench');
      return ['--send', `${node.url}/api/v1/rooms/all/emit`, '--header', `Authorization: Bearer ${bearer}\r\n`,
        '--message', `{"event":"e","args":["@T ${TEXT}"]}`];
    },
  },
  'Socket.IO': {
    start: (redis) => startSocketIo(redis, 2),
    connect: '40',
    join: (room) => `420["join","${room}"]`,
    emit: (room, text) => `421["relay","${room}","${text}"]`,
    publish: async (redis, node) => ['--send', `${node.url}/publish`, '--message', `{"room":"all","event":"e","payload":"@T ${TEXT}"}`],
  },
};

const receivers = (system, node, count, room) => ['--receivers', count, '--receive', node.wsUrl + SIO,
  '--receive-hello', system.connect, '--receive-hello', system.join(room), '--hello-ok', '4'];

async function onEach(work) {
  const rows = [];
  for (const [name, system] of Object.entries(systems)) {
    try {
      rows.push([name, ...(await work(system, await startRedis()))]);
    } finally {
      await cleanUp();
    }
  }
  return rows;
}

/** Messages to a room of 1,000 sockets on the other node, as fast as they arrive. */
async function broadcast({ table, round }) {
  const rows = await onEach(async (system, redis) => {
    const [a, b] = await system.start(redis);
    const publish = await system.publish(redis, a);
    const { result, user, cpu } = await measure([b.pid], () => load(...receivers(system, b, 1000, 'all'),
      '--senders', 2, '--http', '--window', 8, '--ahead', 8, '--seconds', 8, ...publish));
    return [round(result.received / result.seconds), round(result.received / cpu), round((user / result.received) * 1e6, 2),
      round(result.received / result.answered / 1000, 3)];
  });
  table('A room of 1,000 sockets on the other node', ['deliveries/s', 'deliveries per CPU second', 'user µs per delivery', 'share delivered'], rows);
}

/** What one broadcast costs Redis, by the size of the room. */
async function cost({ table, round }) {
  const rows = [];
  for (const count of [10, 1000, 10_000]) {
    const redis = await startRedis();
    const system = systems.signalbox;
    const [a, b] = await system.start(redis);
    const publish = await system.publish(redis, a);
    const held = await hold(...receivers(system, b, count, 'all'));
    const { result, cpu, scripts } = await redisCost(redis, () =>
      load('--senders', 1, '--http', '--window', 1, '--rate', 100, '--seconds', 5, ...publish));
    await held.release();
    rows.push([round(count), round((cpu / result.answered) * 1e6), round(scripts / result.answered, 2)]);
    await cleanUp();
  }
  table('What one broadcast costs Redis', ['Redis µs per broadcast', 'script calls per broadcast'], rows, 'members');
}

/** 100 senders on one node, each to a room of one on the other. */
async function oneToOne({ table, round }) {
  const rows = [];
  for (const rate of [500, 10_000, 25_000, 50_000, 0]) {
    for (const row of await onEach(async (system, redis) => {
      const [a, b] = await system.start(redis);
      const { result, cpu } = await measure([a.pid, b.pid], () => load('--senders', 100, '--send', a.wsUrl + SIO, '--hello', system.connect,
        '--message', system.emit('c@C', `@T ${TEXT}`), '--ack', '43', ...receivers(system, b, 100, 'c@C'),
        '--window', rate ? 200 : 20, '--seconds', 8, ...(rate ? ['--rate', rate] : [])));
      return [rate ? `${rate}/s` : 'as fast as it goes', round(result.answered / result.seconds), round(result.received / result.seconds),
        round(result.p50_us / 1000, 2), round(result.p99_us / 1000, 2), round((cpu / result.received) * 1e6, 1)];
    })) rows.push(row);
  }
  table('1:1 between nodes, 100 pairs', ['offered', 'acknowledged/s', 'delivered/s', 'p50 ms', 'p99 ms', 'CPU µs per message'], rows);
}

/** New connections on one node; on the other, which has had none, what each holds: the slope between 2,000 and 15,000. */
async function idle({ table, round }) {
  const rows = await onEach(async (system, redis) => {
    const [a, b] = await system.start(redis);
    const sizes = [];
    const args = (node) => ['--receive', node.wsUrl + SIO, '--receive-hello', system.connect, '--hello-ok', '4'];
    const { result: first, cpu } = await measure([a.pid], () => hold('--receivers', 10_000, ...args(a)));
    await first.release();
    await pause(1500);
    for (const count of [2000, 15_000]) {
      const held = await hold('--receivers', count, ...args(b));
      await pause(1500);
      sizes.push([held.open, usage(b.pid).rss]);
      await held.release();
      await pause(1000);
    }
    return [round(first.open / first.open_s), round((cpu / first.open) * 1e6),
      round((sizes[1][1] - sizes[0][1]) / (sizes[1][0] - sizes[0][0]))];
  });
  table('New and idle sockets', ['connects/s', 'CPU µs per connect', 'bytes per idle socket'], rows);
}

function startPollers(count, system, urls) {
  const child = spawn(process.execPath, [join(ROOT, 'tests/bench/pollers.js'), String(count), system.connect, system.join('all'), ...urls],
    { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value);
  return {
    next,
    ask() {
      child.stdin.write('\n');
      return next();
    },
    end() {
      child.stdin.end('end\n');
    },
  };
}

/** 5,000 clients that poll, in one room; ten broadcasts. */
async function polling({ table, round }) {
  const rows = [];
  const one = async (name, system, pick) => {
    const redis = await startRedis();
    const nodes = await system.start(redis);
    const clients = startPollers(5000, system, pick(nodes).map(({ url }) => url));
    const { result, cpu } = await measure(nodes.map(({ pid }) => pid), () => clients.next());
    const quiet = await measure(nodes.map(({ pid }) => pid), () => pause(25_000));
    const publish = await system.publish(redis, nodes[0]);
    const before = (await clients.ask()).received;
    const busy = await measure(nodes.map(({ pid }) => pid), async () => {
      await load('--senders', 1, '--http', '--window', 1, '--rate', 1, '--seconds', 10, ...publish);
      await pause(3000);
    });
    const after = await clients.ask();
    clients.end();
    rows.push([name, round(result.open), round((cpu / result.open) * 1e6), round(quiet.cpu / 0.25, 1),
      round(after.received - before), round((busy.cpu / (after.received - before)) * 1e6, 1), after.failed]);
    await cleanUp();
  };
  await one('signalbox, all on one node', systems.signalbox, ([a]) => [a]);
  await one('signalbox, each request to any of two', systems.signalbox, (nodes) => nodes);
  await one('Socket.IO, all on one node', systems['Socket.IO'], ([a]) => [a]);
  table('5,000 clients that poll', ['open', 'CPU µs per connect', 'CPU % while quiet', 'delivered of 10 broadcasts', 'CPU µs per delivery', 'lost'], rows);
}

export const parts = { broadcast, cost, oneToOne, idle, polling };
