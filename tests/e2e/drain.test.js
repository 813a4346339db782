// SPDX-License-Identifier: MIT
// SIGTERM: a node leaves in order. Nothing that was under way is lost, and everybody finds another node.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkReceived, duplicatesOf, Player, Publisher, returningBot, returningMod } from '../chaos/lib.js';
import { http, modMessage, relayBot, relayMod, Socket } from './lib/clients.js';
import { startCluster } from './lib/signalbox.js';
import { until } from './lib/process.js';
import { Raw } from './lib/raw.js';

const SOCKETS = 300;
const RATE = 200;

/** Waits for the end of a node that has been told. */
async function exits(node, code) {
  await until('it exits', () => node.child.end, 20000);
  assert.deepEqual(node.child.end, { code, signal: null }, node.child.output.slice(-6000));
}

/** A request of which everything but the last bytes is out: { raw, rest }. */
async function half(port, text) {
  const raw = await Raw.connect(port);
  raw.write(text.slice(0, -2));
  return { raw, rest: text.slice(-2) };
}

test('a node that drains', { timeout: 60000 }, async (t) => {
  const cluster = await startCluster(t, {
    count: 2, args: ['--max-conns', String(SOCKETS), '--drain-rate', String(RATE), '--rate-limit', '0'],
  });
  const [leaving, staying] = cluster.replicas;
  const token = await cluster.token('player', 'p');
  const server = await cluster.token('server', 's');
  const universe = await cluster.token('universe', 'u');
  const closes = [];
  const open = async () => {
    const socket = await Socket.open(`${leaving.wsUrl}/ws?token=${token}`);
    socket.ws.on('close', (code, reason) => closes.push({ code, reason: reason.toString(), at: performance.now() }));
    return socket;
  };
  await Promise.all(Array.from({ length: SOCKETS }, open));

  const published = JSON.stringify({ player_id: 'late', event: 'e', payload: 'in flight', ttl: 60 });
  const publish = await half(leaving.port, 'POST /publish HTTP/1.1\r\nHost: x\r\n' +
    `Authorization: Bearer ${server}\r\nContent-Length: ${published.length}\r\n\r\n${published}`);
  const ready = await half(leaving.port, 'GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n');
  const fresh = await Raw.connect(leaving.port);
  const held = http('GET', `${leaving.url}/api/v1/commands?wait=25`, {
    headers: { 'x-universe-id': 'u', 'x-api-key': universe, 'x-job-id': 'j' } });
  await until('all is under way', async () => {
    const metrics = await leaving.metrics();
    return metrics.signalbox_mailbox_held_polls === 1 && metrics.ws_active_connections === SOCKETS;
  });
  leaving.child.signal('SIGTERM');
  await until('the listener is closed', async () => (await leaving.status('/healthz')) === 0);

  await t.test('is not ready at once, and says why', async () => {
    ready.raw.write(ready.rest);
    const answer = await ready.raw.answer();
    assert.deepEqual([answer.status, answer.body], [503, '{"status":"draining"}']);
    assert.match(answer.headers, /\r\nconnection: close/i);
    await ready.raw.ended();
  });

  await t.test('takes no new connections, and closes those without a request', async () => {
    await assert.rejects(Raw.connect(leaving.port), { code: 'ECONNREFUSED' });
    assert.equal(await fresh.ended(), '');
  });

  await t.test('finishes what is in flight', async () => {
    publish.raw.write(publish.rest);
    const answer = await publish.raw.answer();
    assert.deepEqual([answer.status, answer.body], [200, '']);
    const player = await Socket.open(`${staying.wsUrl}/ws?token=${await cluster.token('player', 'late')}`);
    assert.equal(await player.next(), '{"event":"e","payload":"in flight"}');
    await player.close();
  });

  await t.test('ends a held poll with nothing', async () => {
    const poll = await held;
    assert.deepEqual([poll.status, poll.text], [200, '[]']);
  });

  await t.test('closes WebSockets with 1001, at its rate', async () => {
    await until('all are closed', () => closes.length === SOCKETS);
    for (const { code } of closes) assert.equal(code, 1001);
    const took = closes.at(-1).at - closes[0].at;
    t.diagnostic(`${SOCKETS} closed within ${took.toFixed(0)} ms`);
    assert.ok(took >= 1200 && took <= 4000, `${took} ms`);
  });

  await t.test('exits with 0', () => exits(leaving, 0));
});

test('what a drained bot was not sent waits for it on the other replica', { timeout: 60000 }, async (t) => {
  const count = 600;
  // a reader that stalls for too long counts as offline: then the cap holds
  const cluster = await startCluster(t, { count: 2, args: ['--write-timeout', '20s', '--queue-max', String(count)] });
  const [leaving, staying] = cluster.replicas;
  const key = await cluster.token('relay', 'r');
  const content = 'x'.repeat(16000);
  const bot = await relayBot(leaving.wsUrl, key);
  const mod = await relayMod(staying.wsUrl, key, 's', 'c');
  bot.ws.pause();
  for (let i = 0; i < count; i++) mod.send(modMessage(i, 's', 'c', content));
  for (let i = 0; i < count; i++) assert.match((await mod.nextJson()).status, /^(completed|queued)$/);
  await until('its socket is full', async () =>
    (await leaving.metrics())['signalbox_limit_total{limit="ws_pending"}'] > 0);

  leaving.child.signal('SIGTERM');
  await until('the drain begins', async () => (await leaving.status('/healthz')) === 0);
  bot.ws.resume();
  assert.equal((await bot.ended()).code, 1001);
  const first = bot.received.slice(1).map((line) => JSON.parse(line).msg_id);
  await exits(leaving, 0);
  assert.ok(first.length > 0 && first.length < count, `${first.length} came before the close`);
  const again = await relayBot(staying.wsUrl, key);
  const ids = [...first];
  while (ids.length < count) ids.push((await again.nextJson()).msg_id);
  assert.deepEqual(ids, Array.from({ length: count }, (_, i) => String(i)), 'each once, in order');
  await Promise.all([again.close(), mod.close()]);
});

test('a second SIGTERM ends a drain with 1', { timeout: 60000 }, async (t) => {
  const cluster = await startCluster(t);
  const [node] = cluster.replicas;
  const { raw } = await half(node.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  await until('the request has begun', async () => (await node.status('/readyz')) === 200);
  const before = performance.now();
  node.child.signal('SIGTERM');
  node.child.signal('SIGTERM'); // a terminal and a script both pass on one Ctrl-C
  await until('the drain begins', async () => (await node.status('/healthz')) === 0);
  await until('it hears the second', () => {
    if (performance.now() - before > 1000) node.child.signal('SIGTERM');
    return node.child.end;
  });
  assert.ok(performance.now() - before > 1000, 'two at once are one');
  await exits(node, 1);
  cluster.replicas.length = 0; // it has ended, and not with 0
  raw.close();
});

test('three replicas are exchanged under load', { timeout: 60000 }, async (t) => {
  const cluster = await startCluster(t, {
    count: 3, balancer: true, args: ['--rate-limit', '0', '--auth-failures', '0', '--reconnect-grace', '20s'],
  });
  const { url, wsUrl } = cluster.balancer;
  const key = await cluster.token('relay', 'r');
  const server = await cluster.token('server', 's');
  const channels = ['c0', 'c1', 'c2'];
  const mods = channels.map((channel) => returningMod(wsUrl, key, 's', channel));
  const bot = returningBot(wsUrl, key, channels);
  const players = [];
  const publishers = [];
  for (let i = 0; i < 3; i++) {
    players.push(new Player(wsUrl, await cluster.token('player', `p${i}`)));
    publishers.push(new Publisher(url, server, `p${i}`));
  }
  const senders = [...mods, bot];
  const everybody = [...senders, ...players];
  t.after(() => everybody.forEach((client) => client.stop()));
  await until('everybody is connected', () => everybody.every((client) => client.isOpen));
  const load = setInterval(() => [...senders, ...publishers].forEach((one) => one.next()), 20);
  t.after(() => clearInterval(load));

  const acknowledged = () => senders.map((sender) => sender.stored.size);
  const progress = async (what) => {
    const before = acknowledged();
    await until(what, () => acknowledged().every((size, i) => size > before[i] + 10), 20000);
  };
  for (const [i, replica] of cluster.replicas.entries()) {
    await progress(`all senders go on before replica ${i} leaves`);
    await replica.stop();
    await progress(`all senders go on without replica ${i}`);
    await replica.launch();
  }
  clearInterval(load);
  await until('all is acknowledged', () => senders.every((sender) => sender.unacknowledged.length === 0) &&
    publishers.every((publisher) => publisher.backlog.length === 0), 20000);
  const stored = new Set(mods.flatMap((mod) => [...mod.stored]));
  const has = (client, ids) => () => {
    const seen = new Set(client.received.map(({ id }) => id));
    return [...ids].every((id) => seen.has(id));
  };
  await until('the bot has everything', has(bot, stored));
  for (const [i, player] of players.entries()) await until(`player ${i} has everything`, has(player, publishers[i].accepted));
  checkReceived('mods to bot', stored, bot.received);
  for (const [i, mod] of mods.entries()) {
    const ids = new Set([...bot.stored].filter((id) => id.startsWith(`${channels[i]}:`)));
    await until(`mod ${i} has everything`, has(mod, ids));
    checkReceived(`bot to ${channels[i]}`, ids, mod.received);
  }
  for (const [i, player] of players.entries()) checkReceived(`player ${i}`, publishers[i].accepted, player.received);
  assert.deepEqual(players.flatMap((player) => duplicatesOf(player.received)), [], 'a drain repeats nothing');
  t.diagnostic(`${stored.size} from mods, ${bot.stored.size} from the bot, ${players.flatMap((p) => p.received).length} to players`);
});
