// SPDX-License-Identifier: MIT
// ./dev bench [NAME…]: each figure of docs/benchmarks.md, ours and the peers' in the same run.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../e2e/lib/process.js';
import {
  cleanUp, hold, load, manyPlayers, measure, pause, redisCost, run, startExpress, startNchan, startRedis, startSignalbox,
  startSocketIo, token, usage,
} from './lib.js';
import { parts as fleetParts } from './fleet.js';
import { parts as socketioParts } from './socketio.js';

const SIO = '/socket.io/?EIO=4&transport=websocket';
const report = [];
const say = (line) => {
  console.log(line);
  report.push(line);
};
const table = (head, rows) => {
  say(`| ${head.join(' | ')} |`);
  say(`| ${head.map(() => '---').join(' | ')} |`);
  for (const row of rows) say(`| ${row.join(' | ')} |`);
  say('');
};
const round = (number, digits = 0) => Number(number.toFixed(digits)).toLocaleString('en-US');
const server = async (redis) => `Authorization: Bearer ${await token(redis, 'server', 'bench')}\r\n`;

/** Messages to 1,000 connections on the other node, as fast as they arrive. */
async function fanout() {
  say('## Broadcast to 1,000 connections on the other node\n');
  const rows = [];
  const measureOne = async (name, pid, ...args) => {
    const { result, user, cpu } = await measure([pid], () => load('--receivers', 1000, '--senders', 2, '--http',
      '--window', 8, '--ahead', 8, '--seconds', 8, ...args));
    rows.push([name, round(result.received / result.seconds), round(result.received / cpu),
      round((user / result.received) * 1e6, 2), round(result.received / result.answered / 10) / 100]);
    await cleanUp();
  };
  {
    const redis = await startRedis();
    const [a, b] = await startSignalbox(redis, 2);
    await measureOne('signalbox', b.pid, '--receive', `${b.wsUrl}/ws?token=${await token(redis, 'player', 'p')}`,
      '--send', `${a.url}/broadcast`, '--header', await server(redis),
      '--message', '{"event":"e","payload":"@T and some more text to make up a message of usual size, about 100 bytes"}');
  }
  {
    const redis = await startRedis();
    const [a, b] = await startNchan(redis, 2);
    await measureOne('nginx + nchan', b.pid, '--receive', `${b.wsUrl}/sub/all`, '--send', `${a.url}/pub/all`,
      '--message', '{"event":"e","payload":"@T and some more text to make up a message of usual size, about 100 bytes"}');
  }
  {
    const redis = await startRedis();
    const [a, b] = await startSocketIo(redis, 2);
    await measureOne('Socket.IO', b.pid, '--receive', b.wsUrl + SIO, '--receive-hello', '40',
      '--receive-hello', '42["join","all"]', '--hello-ok', '4', '--send', `${a.url}/publish`,
      '--message', '{"room":"all","event":"e","payload":"@T and some more text to make up a message of usual size, about 100 bytes"}');
  }
  table(['', 'deliveries/s', 'deliveries per CPU second', 'user µs per delivery', 'share delivered'], rows);
}

const relayCases = [['500/s', 500, 8], ['8,000/s', 8000, 8], ['20,000/s', 20000, 8]];

/** 100 channels, senders on one node, receivers on the other. */
async function relay() {
  say('## Relay: 100 channels, sender and receiver on different nodes\n');
  const rows = [];
  const text = 'a chat line of some length, as people write them, and a bit more to reach two hundred bytes in all';
  const measureOne = async (name, args) => {
    for (const [label, rate, seconds] of relayCases) {
      const redis = await startRedis();
      const { result, cpu, scripts } = await redisCost(redis, async () =>
        load('--rate', rate, '--seconds', seconds, '--window', 200, ...(await args(redis))));
      rows.push([name, label, round(result.answered / result.seconds), round(result.received / result.seconds),
        round(result.p50_us / 1000, 2), round(result.p99_us / 1000, 2), round((cpu / result.received) * 1e6, 1),
        scripts > 0 ? round(scripts / result.sent, 2) : '–', `${result.sent - result.answered}`]);
      await cleanUp();
    }
  };
  await measureOne('signalbox', async (redis) => {
    const [a, b] = await startSignalbox(redis, 2);
    const key = await token(redis, 'relay', 'bench');
    return ['--senders', 100, '--send', `${a.wsUrl}/sync?api_key=${key}`,
      '--hello', '{"type":"mod","data":{"server_id":"s","channel_id":"c@C"}}',
      '--message', `{"msg_id":"@N","id":"s","destination":{"channel_id":"c@C"},"author":{"id":"a"},"content":"@T ${text}"}`,
      '--ack', '{"status":"completed"', '--receivers', 1, '--receive', `${b.wsUrl}/sync?api_key=${key}`,
      '--receive-hello', '{"type":"bot","data":{"bot_id":"b"}}', '--hello-ok', '{"status":"connected"'];
  });
  await measureOne('nginx + nchan', async (redis) => {
    const [a, b] = await startNchan(redis, 2);
    return ['--senders', 100, '--send', `${a.wsUrl}/pub/c@C`, '--message', `@T @N ${text} ${text}`, '--ack', '',
      '--receivers', 100, '--receive', `${b.wsUrl}/sub/c@C`];
  });
  await measureOne('Socket.IO', async (redis) => {
    const [a, b] = await startSocketIo(redis, 2);
    return ['--senders', 100, '--send', a.wsUrl + SIO, '--hello', '40', '--hello-ok', '4',
      '--message', `42@C["relay","c@C","@T @N ${text} ${text}"]`, '--ack', '43',
      '--receivers', 100, '--receive', b.wsUrl + SIO, '--receive-hello', '40', '--receive-hello', '42["join","c@C"]'];
  });
  table(['', 'offered', 'acknowledged/s', 'delivered/s', 'p50 ms', 'p99 ms', 'Redis µs/message', 'script calls/message',
    'not acknowledged'], rows);
}

/** HTTP publishes on one node, the player on the other. */
async function publish() {
  say('## Publish over HTTP to a player on the other node\n');
  const rows = [];
  const measureOne = async (name, ...args) => {
    const result = await load('--senders', 128, '--http', '--window', 1, '--seconds', 8, '--receivers', 1, ...args);
    rows.push([name, round(result.answered / result.seconds), round(result.received / result.seconds), round(result.p50_us / 1000, 2),
      round(result.p99_us / 1000, 2)]);
    await cleanUp();
  };
  {
    const redis = await startRedis();
    const [a, b] = await startSignalbox(redis, 2);
    await measureOne('signalbox', '--send', `${a.url}/publish`, '--header', await server(redis),
      '--message', '{"player_id":"p","event":"e","payload":"@T"}', '--receive', `${b.wsUrl}/ws?token=${await token(redis, 'player', 'p')}`);
  }
  {
    const redis = await startRedis();
    const [a, b] = await startSocketIo(redis, 2);
    await measureOne('Socket.IO', '--send', `${a.url}/publish`, '--message', '{"room":"p","event":"e","payload":"@T"}',
      '--receive', b.wsUrl + SIO, '--receive-hello', '40', '--receive-hello', '42["join","p"]', '--hello-ok', '4');
  }
  {
    const redis = await startRedis();
    const [a, b] = await startNchan(redis, 2);
    await measureOne('nginx + nchan', '--send', `${a.url}/pub/p`, '--message', '@T', '--receive', `${b.wsUrl}/sub/p`);
  }
  table(['', 'published/s', 'delivered/s', 'p50 ms', 'p99 ms'], rows);
}

/** Game servers that poll: 10,000 live jobs with empty mailboxes. */
async function polls() {
  say('## Polls: 10,000 live jobs, empty mailboxes\n');
  const rows = [];
  const common = (key) => ['--senders', 64, '--http', '--window', 1, '--seconds', 8, '--indexes', 10000,
    '--header', `x-universe-id: u\r\nx-api-key: ${key}\r\nx-job-id: job-@R\r\n`];
  const measureOne = async (name, pids, key, url) => {
    await load(...common(key), '--seconds', 3, '--send', `${url}/api/v1/commands`);
    const { result, cpu } = await measure(pids, () => load(...common(key), '--send', `${url}/api/v1/commands`));
    rows.push([name, round(result.answered / result.seconds), round((cpu / result.answered) * 1e6, 1), result.failed]);
    await cleanUp();
  };
  {
    const redis = await startRedis();
    const key = await token(redis, 'universe', 'u');
    const [a] = await startSignalbox(redis, 1, ['--job-ttl', '60s']);
    await measureOne('signalbox, one node', [a.pid, redis.child.pid], key, a.url);
  }
  const { url, pid } = await startExpress();
  await measureOne('Express and a Map', [pid], 'bench-key', url);
  table(['', 'polls/s', 'CPU µs per poll (Redis included)', 'failed'], rows);
}

/** `measureOne(name, pid, …how to connect)` on each system, one after the other: `count` connections that only wait. */
async function onEachIdle(count, measureOne) {
  {
    const redis = await startRedis();
    const prefix = await manyPlayers(redis, count);
    const [a] = await startSignalbox(redis, 1);
    await measureOne('signalbox, authenticated', a.pid, '--receive', `${a.wsUrl}/ws?token=${prefix}-@C`);
  }
  {
    const redis = await startRedis();
    const [a] = await startNchan(redis, 1);
    await measureOne('nginx + nchan', a.pid, '--receive', `${a.wsUrl}/sub/c@C`);
  }
  {
    const redis = await startRedis();
    const [a] = await startSocketIo(redis, 1);
    await measureOne('Socket.IO', a.pid, '--receive', a.wsUrl + SIO, '--receive-hello', '40', '--hello-ok', '4');
  }
}

/** Memory of connections that do nothing: the slope between 2,000 and 18,000. */
async function idle() {
  say('## Idle connections\n');
  const rows = [];
  const measureOne = async (name, pid, ...args) => {
    const sizes = [];
    for (const count of [2000, 18000]) {
      const held = await hold('--receivers', count, ...args);
      await pause(1500);
      sizes.push([held.open, usage(pid).rss]);
      await held.release();
      await pause(1000);
    }
    rows.push([name, round((sizes[1][1] - sizes[0][1]) / (sizes[1][0] - sizes[0][0])), round(sizes[1][0])]);
    await cleanUp();
  };
  await onEachIdle(18000, measureOne);
  table(['', 'bytes per connection', 'connections'], rows);
}

/** New connections, 200 at a time; ours authenticated, each with a token of its own. */
async function connects() {
  say('## 10,000 new connections\n');
  const rows = [];
  const count = 10000;
  const measureOne = async (name, pid, ...args) => {
    const { result, cpu } = await measure([pid], () => hold('--receivers', count, ...args));
    rows.push([name, round(result.open / result.open_s), round((cpu / result.open) * 1e6)]);
    await result.release();
    await cleanUp();
  };
  await onEachIdle(count, measureOne);
  table(['', 'connects/s', 'CPU µs per connect'], rows);
}

/** A bench of several parts; NAME:PART is one of them. */
const inParts = (parts) => async (wantedPart) => {
  const tools = {
    round,
    table(title, head, rows, first = '') {
      say(`## ${title}\n`);
      table([first, ...head], rows);
    },
  };
  for (const [name, measurePart] of Object.entries(parts)) {
    if (wantedPart === undefined || wantedPart === name) await measurePart(tools);
  }
};

const benches = {
  fanout, relay, publish, polls, connects, idle,
  socketio: inParts(socketioParts), // against Socket.IO
  fleet: inParts(fleetParts),
};
const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (!(name.split(':')[0] in benches)) {
    console.error(`no such bench: ${name} (there are: ${Object.keys(benches).join(', ')})`);
    process.exit(2);
  }
}
const version = async (file, ...args) => {
  const { stdout, stderr } = await run(file, args).catch(() => ({ stdout: 'not found', stderr: '' }));
  return (stdout || stderr).split('\n')[0];
};
const packageVersion = (name) =>
  JSON.parse(readFileSync(join(ROOT, `tests/bench/node_modules/${name}/package.json`), 'utf8')).version;
say(`Machine: ${cpus().length} × ${cpus()[0].model}, ${round(totalmem() / 2 ** 30)} GiB; ${await version('uname', '-sr')}; ` +
  `${await version('redis-server', '--version')}; Node ${process.version}; Socket.IO ${packageVersion('socket.io')} with ` +
  `@socket.io/redis-adapter ${packageVersion('@socket.io/redis-adapter')}; Express ${packageVersion('express')}; ${await version('/usr/sbin/nginx', '-v')}\n`);
try {
  for (const [name, bench] of Object.entries(benches)) {
    if (wanted.length === 0 || wanted.includes(name)) await bench();
    for (const one of wanted) if (one.startsWith(`${name}:`)) await bench(one.slice(name.length + 1));
  }
} finally {
  await cleanUp();
}
mkdirSync(join(ROOT, 'build/bench'), { recursive: true });
writeFileSync(join(ROOT, 'build/bench/report.md'), report.join('\n'));
