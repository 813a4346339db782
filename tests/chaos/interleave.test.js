// SPDX-License-Identifier: MIT
// Ten thousand random lives: clients that connect, subscribe, send garbage and vanish at every step, while
// Redis drops the node's connections. Under the sanitizers, with a leak check at the end.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { startCluster } from '../e2e/lib/signalbox.js';
import { Random, SEED } from './lib.js';

const LIVES = Number(process.env.SIGNALBOX_LIVES ?? 10000);
const AT_ONCE = 64;

const head = (path, headers = '') =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${headers}\r\n`;

function frame(opcode, payload, { fin = true, masked = true } = {}) {
  const data = Buffer.from(payload);
  const mask = Buffer.from([1, 2, 3, 4]);
  const length = data.length < 126 ? [data.length] : [126, data.length >> 8, data.length & 255];
  length[0] |= masked ? 0x80 : 0;
  const body = masked ? Buffer.from(data.map((byte, i) => byte ^ mask[i & 3])) : data;
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, ...length]), masked ? mask : Buffer.alloc(0), body]);
}

/** What one client does: a list of chunks to write, cut anywhere. */
function life(random, keys) {
  const json = (value) => frame(1, JSON.stringify(value));
  const garbage = Buffer.from(Array.from({ length: 1 + random.below(200) }, () => random.below(256)));
  const channel = `c${random.below(5)}`;
  const server = `s${random.below(3)}`;
  const text = (id) => json({ msg_id: id, id: server, destination: { channel_id: channel }, author: { id: 'a' }, content: 'x' });
  const post = (path, body, headers = '') => Buffer.from(`POST ${path} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`);
  const server_ = `Authorization: Bearer ${keys.server}\r\n`;
  const kinds = [
    () => [Buffer.from(head(`/sync?api_key=${random.pick([keys.relay, 'wrong'])}`)),
      json({ type: 'mod', data: { server_id: server, channel_id: channel } }), text('1'), text('2'), frame(8, '')],
    () => [Buffer.from(head(`/sync?api_key=${keys.relay}`)), json({ type: 'bot', data: { bot_id: 'b' } }),
      json({ msg_id: '1', id: channel, author: { id: 'b' }, content: 'y' }), garbage],
    () => [Buffer.from(head(`/sync?api_key=${keys.relay}`)), json({ type: 'bot', data: { bot_id: 'b', channels: [channel] } }), frame(9, 'p')],
    () => [Buffer.from(head(`/ws?token=${random.pick([keys.player, keys.player2, 'wrong'])}`)), frame(1, 'hi'), frame(2, garbage), frame(8, '')],
    () => [Buffer.from(head(`/ws?token=${keys.player}`)), frame(1, 'half', { fin: false }), frame(0, 'rest'), frame(3, '')],
    () => [Buffer.from(head(`/ws?token=${keys.player}`)), garbage],
    () => [post('/publish', JSON.stringify({ player_id: 'p', event: 'e', payload: 1 }), server_)],
    () => [post('/broadcast', JSON.stringify({ event: 'e', payload: 1 }), server_), post('/broadcast', '{', server_)],
    () => [Buffer.from(`GET /api/v1/commands${random.pick(['', '?wait=1'])} HTTP/1.1\r\nHost: x\r\nx-universe-id: u\r\nx-api-key: ${keys.universe}\r\nx-job-id: j${random.below(4)}\r\n\r\n`)],
    () => [post('/api/v1/commands', JSON.stringify({ jobId: `j${random.below(4)}`, payload: 1 }), server_)],
    () => [garbage],
    () => [Buffer.from('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'), Buffer.from('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n')],
  ];
  const chunks = random.pick(kinds)();
  const bytes = Buffer.concat(chunks.slice(0, 1 + random.below(chunks.length)));
  return random.below(3) === 0 ? bytes.subarray(0, random.below(bytes.length) + 1) : bytes;
}

function live(random, port, keys) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const bytes = life(random, keys);
    const cut = random.below(bytes.length + 1);
    const [first, then, ending] = [random.below(6), random.below(12), random.below(3)];
    socket.on('error', () => {});
    socket.on('close', resolve);
    socket.on('data', () => {});
    socket.on('connect', () => {
      socket.write(bytes.subarray(0, cut));
      setTimeout(() => {
        if (!socket.destroyed) socket.write(bytes.subarray(cut));
        setTimeout(() => {
          if (ending === 0) socket.resetAndDestroy();
          else if (ending === 1) socket.end(() => setTimeout(() => socket.destroy(), 20));
          else socket.destroy();
        }, then);
      }, first);
    });
  });
}

test(`${LIVES} random lives, seed ${SEED}`, { timeout: 300000 }, async (t) => {
  const random = new Random(SEED);
  const cluster = await startCluster(t, {
    count: 2, args: ['--rate-limit', '0', '--auth-failures', '0', '--max-conns', '1000', '--log-level', 'error'],
  });
  const keys = {
    relay: await cluster.token('relay', 'r'), player: await cluster.token('player', 'p'),
    player2: await cluster.token('player', 'q'), server: await cluster.token('server', 's'),
    universe: await cluster.token('universe', 'u'),
  };
  let left = LIVES;
  let isOver = false;
  const disturb = (async () => {
    const faults = [['CLIENT', 'KILL', 'TYPE', 'normal'], ['CLIENT', 'KILL', 'TYPE', 'pubsub'], ['SCRIPT', 'FLUSH']];
    while (!isOver) {
      await cluster.redis.tryCommand(...random.pick(faults));
      await new Promise((resolve) => setTimeout(resolve, 40 + random.below(200)));
    }
  })();
  const worker = async () => {
    while (left-- > 0) await live(random, random.pick(cluster.replicas).port, keys);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  isOver = true;
  await disturb;
  for (const replica of cluster.replicas) {
    assert.equal(replica.child.end, undefined, replica.child.output.slice(-4000));
    await replica.untilReady(15000);
    const metrics = await replica.metrics();
    assert.equal(metrics['signalbox_redis_malformed_replies_total'] ?? 0, 0);
  }
});
