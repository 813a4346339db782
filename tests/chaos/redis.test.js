// SPDX-License-Identifier: MIT
// What Redis can do to a cluster that works: no crash, no hang, right errors meanwhile, delivery again by
// itself, and nothing acknowledged lost.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from '../e2e/lib/signalbox.js';
import { http } from '../e2e/lib/clients.js';
import { until } from '../e2e/lib/process.js';
import { checkReceived, pause, Player, Publisher, returningBot, returningMod } from './lib.js';

// [what, how, whether messages may fail meanwhile]
const FAULTS = [
  ['killed and restarted with its append-only file', async ({ redis }) => {
    await redis.kill();
    await pause(1500);
    await redis.restart();
  }, true],
  ['paused for five seconds', async ({ redis }) => {
    redis.pause();
    await pause(5000);
    redis.resume();
  }, true],
  ['its subscribers are cut', async ({ redis }) => {
    for (let i = 0; i < 5; i++) {
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await pause(200);
    }
  }],
  ['its clients are cut', async ({ redis }) => {
    for (let i = 0; i < 5; i++) {
      await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
      await pause(200);
    }
  }, true],
  ['its scripts are flushed', async ({ redis }) => {
    for (let i = 0; i < 10; i++) {
      await redis.command('SCRIPT', 'FLUSH');
      await pause(50);
    }
  }],
];

for (const [name, inject, mayFail = false] of FAULTS) {
  const isOrdered = !mayFail;
  test(`Redis: ${name}`, { timeout: 90000 }, async (t) => {
    const cluster = await startCluster(t, {
      count: 2, args: ['--rate-limit', '0', '--redis-timeout', '2s', '--reconnect-grace', '30s'],
    });
    const [one, two] = cluster.replicas;
    const key = await cluster.token('relay', 'chaos');
    const server = await cluster.token('server', 'chaos');
    const channels = ['c0', 'c1', 'c2', 'c3'];
    const mods = channels.map((channel) => returningMod(one.wsUrl, key, 's', channel));
    const bot = returningBot(two.wsUrl, key, channels);
    const player = new Player(two.wsUrl, await cluster.token('player', 'p'));
    const publisher = new Publisher(one.url, server, 'p');
    const everybody = [...mods, bot, player];
    t.after(() => everybody.forEach((client) => client.stop()));
    await until('everybody is connected', () => everybody.every((client) => client.isOpen));
    const load = setInterval(() => {
      for (const mod of mods) mod.next();
      bot.next();
      publisher.next();
    }, 10);
    await pause(500);
    await inject(cluster);
    await Promise.all(cluster.replicas.map((replica) => replica.untilReady(10000)));
    await pause(1000);
    clearInterval(load);
    await until('all is acknowledged', () => [...mods, bot].every((client) => client.unacknowledged.length === 0) &&
      publisher.backlog.length === 0, 20000);
    const stored = new Set(mods.flatMap((mod) => [...mod.stored]));
    await until('the bot has everything', () => new Set(bot.received.map((entry) => entry.id)).size >= stored.size, 10000)
      .catch(() => {});
    await pause(300);
    checkReceived('mods to bot', stored, bot.received, { isOrdered });
    for (const [i, mod] of mods.entries()) {
      checkReceived(`bot to ${channels[i]}`, new Set([...bot.stored].filter((id) => id.startsWith(`${channels[i]}:`))), mod.received, { isOrdered });
    }
    checkReceived('player', publisher.accepted, player.received);
    for (const replica of cluster.replicas) assert.equal(replica.child.end, undefined, 'it lives');
  });
}

test('Redis: everything is flushed while running', { timeout: 60000 }, async (t) => {
  const cluster = await startCluster(t, { count: 2, args: ['--rate-limit', '0'] });
  const [one, two] = cluster.replicas;
  const player = new Player(two.wsUrl, await cluster.token('player', 'p'));
  t.after(() => player.stop());
  await until('the player is connected', () => player.isOpen);
  await cluster.redis.command('FLUSHALL');
  // credentials have gone too: who is connected stays, who comes needs a new one
  const server = await cluster.token('server', 's');
  await until('delivery goes on', async () => {
    const answer = await http('POST', `${one.url}/publish`, {
      headers: { authorization: `Bearer ${server}` }, body: { player_id: 'p', event: 'e', payload: 'x:1' } });
    return answer.status === 200 && player.received.length > 0;
  });
  const again = new Player(one.wsUrl, await cluster.token('player', 'p'));
  t.after(() => again.stop());
  await until('a new token works', () => again.isOpen);
  await Promise.all(cluster.replicas.map((replica) => replica.untilReady(10000)));
});

test('a deaf subscription turns readiness off within 3 s and heals within 10 s', { timeout: 60000 }, async (t) => {
  const cluster = await startCluster(t, { count: 1 });
  const [node] = cluster.replicas;
  cluster.redis.pause();
  const before = Date.now();
  await until('not ready', async () => (await node.status('/readyz')) === 503, 5000);
  assert.ok(Date.now() - before < 3200, `${Date.now() - before} ms`);
  assert.equal(await node.status('/healthz'), 200);
  cluster.redis.resume();
  await node.untilReady(10000);
});
