// SPDX-License-Identifier: MIT
// Two hundred sockets that stop reading while two thousand messages a second go to them: the node's memory
// stays within its bound, others are not held up, and what a queue's reader missed comes when it is back.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { botMessage, modMessage, relayBot, relayMod, Socket } from '../e2e/lib/clients.js';
import { PLAIN_BINARY, startCluster } from '../e2e/lib/signalbox.js';
import { until } from '../e2e/lib/process.js';
import { pause } from './lib.js';

const STALLED = 200;
const RATE = 2000;
const SECONDS = 6;
const BATCH = 20;
const PENDING_MAX = 65536;
const KERNEL_MAX = 262144; // what a stalled socket's two ends may swallow before anything waits in the node
const SIZE = (4 * (PENDING_MAX + KERNEL_MAX) * STALLED) / (RATE * SECONDS);

const residentBytes = (pid) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

test('stalled readers', { timeout: 120000 }, async (t) => {
  const cluster = await startCluster(t, {
    binary: PLAIN_BINARY, count: 2,
    args: ['--rate-limit', '0', '--ws-pending-max', String(PENDING_MAX), '--write-timeout', '60s', '--max-conns', '1000', '--max-body', '16MiB'],
  });
  const [one, two] = cluster.replicas;
  const server = await cluster.token('server', 's');
  const key = await cluster.token('relay', 'r');
  const stalled = [];
  for (let i = 0; i < STALLED; i++) {
    const token = await cluster.token('player', `p${i % 4}-${i}`).catch(() => null);
    const socket = await Socket.open(`${two.wsUrl}/ws?token=${token}`);
    socket.ws.pause();
    stalled.push(socket);
  }
  const reader = await Socket.open(`${two.wsUrl}/ws?token=${await cluster.token('player', 'reader')}`);
  const delays = [];
  reader.ws.on('message', (data) => delays.push(performance.now() - JSON.parse(data.toString()).payload.at));
  const before = residentBytes(two.child.pid);
  let highest = 0;
  const text = 'x'.repeat(SIZE);
  const end = Date.now() + SECONDS * 1000;
  let sent = 0;
  const publish = async (body) => {
    const answer = await fetch(`${one.url}/publish`, {
      method: 'POST', headers: { authorization: `Bearer ${server}` }, body: JSON.stringify(body) });
    assert.equal(answer.status, 200);
    await answer.arrayBuffer();
  };
  let isOver = false;
  let told = 0;
  const tellReader = (async () => {
    while (!isOver) {
      told++;
      await publish({ player_id: 'reader', event: 'e', payload: { at: performance.now() } });
      await pause(20);
    }
  })();
  while (Date.now() < end) {
    for (let i = 0; i < STALLED; i += BATCH) {
      await publish(Array.from({ length: BATCH }, (_, j) => ({ player_id: `p${(i + j) % 4}-${i + j}`, event: 'e', payload: text })));
    }
    sent += STALLED;
    highest = Math.max(highest, residentBytes(two.child.pid));
    await pause(Math.max(0, (sent / RATE) * 1000 - (SECONDS * 1000 - (end - Date.now()))));
  }
  isOver = true;
  await tellReader;
  await until('the reader has everything', () => delays.length >= told);
  delays.sort((x, y) => x - y);
  const grown = highest - before;
  const p50 = delays[Math.floor(delays.length / 2)];
  t.diagnostic(`${sent} messages to stalled sockets; grown by ${(grown / 1048576).toFixed(1)} MiB; reader p50 ${p50.toFixed(1)} ms`);
  assert.ok(grown > STALLED * PENDING_MAX * 0.5, `nothing had to wait: grown by ${grown}`);
  assert.ok(grown < STALLED * PENDING_MAX * 1.5 + 16 * 1048576, `grown by ${grown}`);
  assert.ok(p50 < 100, `others wait ${p50} ms`);

  // a queue: what its stalled reader missed comes when it reads on (live bound), or comes back (cap)
  const bot = await relayBot(two.wsUrl, key);
  const mod = await relayMod(one.wsUrl, key, 's', 'c');
  bot.ws.pause();
  const count = 3000;
  for (let i = 0; i < count; i++) mod.send(modMessage(i, 's', 'c', 'x'.repeat(1000)));
  for (let i = 0; i < count; i++) await mod.nextJson();
  const stored = mod.received.slice(1).map((line) => JSON.parse(line));
  assert.ok(stored.every(({ status }) => status === 'completed' || status === 'queued'));
  bot.ws.resume();
  const completed = stored.filter(({ status }) => status === 'completed').map(({ msg_id }) => msg_id);
  await until('it has what was completed', () => {
    const got = new Set(bot.received.slice(1).map((line) => JSON.parse(line).msg_id));
    return completed.every((id) => got.has(id)) && got.has(String(count - 1));
  }, 20000);
  bot.send(botMessage('b', 'c'));
  await until('the other way works too', () => mod.received.some((line) => JSON.parse(line).msg_id === 'b' && JSON.parse(line).type === 'bot' && JSON.parse(line).content));
  await Promise.all([bot.close(), mod.close(), reader.close()]);
  stalled.forEach((socket) => socket.ws.terminate());
});
