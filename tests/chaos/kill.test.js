// SPDX-License-Identifier: MIT
// kill -9 of a random replica, thirty times, under relay and push load with clients that come back:
// nothing acknowledged is lost, order is kept, and duplicates appear around kills only.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from '../e2e/lib/signalbox.js';
import { until } from '../e2e/lib/process.js';
import { checkReceived, duplicatesOf, pause, Player, Publisher, Random, returningBot, returningMod, SEED } from './lib.js';

const KILLS = 30;
const CHANNELS = 8;
const PLAYERS = 8;

test(`${KILLS} kills, seed ${SEED}`, { timeout: 240000 }, async (t) => {
  const random = new Random(SEED);
  const cluster = await startCluster(t, {
    count: 3, balancer: true, args: ['--rate-limit', '0', '--auth-failures', '0', '--reconnect-grace', '20s'],
  });
  const { url, wsUrl } = cluster.balancer;
  const key = await cluster.token('relay', 'chaos');
  const server = await cluster.token('server', 'chaos');
  const channels = Array.from({ length: CHANNELS }, (_, i) => `c${i}`);
  const mods = channels.map((channel) => returningMod(wsUrl, key, 's', channel));
  const bot = returningBot(wsUrl, key, channels);
  const players = [];
  const publishers = [];
  for (let i = 0; i < PLAYERS; i++) {
    players.push(new Player(wsUrl, await cluster.token('player', `p${i}`)));
    publishers.push(new Publisher(url, server, `p${i}`));
  }
  const everybody = [...mods, bot, ...players];
  t.after(() => everybody.forEach((client) => client.stop()));
  await until('everybody is connected', () => everybody.every((client) => client.isOpen));

  const load = setInterval(() => {
    for (const mod of mods) mod.next();
    for (let i = 0; i < 4; i++) bot.next();
    for (const publisher of publishers) publisher.next();
  }, 25);
  for (let i = 0; i < KILLS; i++) {
    const victim = random.pick(cluster.replicas);
    await pause(100 + random.below(400));
    await victim.kill();
    await pause(random.below(300));
    await victim.launch();
  }
  await until('everybody is back', () => everybody.every((client) => client.isOpen), 30000);
  const quietFrom = Date.now() + 2000;
  await pause(4000);
  clearInterval(load);
  const senders = [...mods, bot];
  await until('all is acknowledged', () => senders.every((sender) => sender.unacknowledged.length === 0) &&
    publishers.every((publisher) => publisher.backlog.length === 0), 30000);
  const stored = new Set(mods.flatMap((mod) => [...mod.stored]));
  const toBot = () => new Set(bot.received.map((entry) => entry.id)).size;
  await until('the bot has everything', () => toBot() >= stored.size, 15000).catch(() => {});
  await pause(500);

  checkReceived('mods to bot', stored, bot.received);
  for (const [i, mod] of mods.entries()) {
    checkReceived(`bot to ${channels[i]}`, new Set([...bot.stored].filter((id) => id.startsWith(`${channels[i]}:`))), mod.received);
  }
  for (const [i, player] of players.entries()) checkReceived(`player ${i}`, publishers[i].accepted, player.received);
  const received = [...everybody].flatMap((client) => client.received);
  const late = everybody.flatMap((client) => duplicatesOf(client.received)).filter(({ at }) => at > quietFrom);
  assert.equal(late.length, 0, 'duplicates without a kill');
  const duplicates = everybody.flatMap((client) => duplicatesOf(client.received)).length;
  t.diagnostic(`${received.length} received, ${duplicates} of them twice, ${stored.size} from mods, ${bot.stored.size} from the bot`);
  assert.ok(received.length > 1000, 'there was load');
  assert.ok(duplicates < received.length / 5, 'duplicates are the exception');
});
