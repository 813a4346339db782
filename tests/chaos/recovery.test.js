// SPDX-License-Identifier: MIT
// A random replica is killed with -9 or stopped in order, again and again, under Socket.IO clients that recover: each
// message of a room comes once and in order, and whoever missed one is told that it was not recovered.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { io } from 'socket.io-client';
import { http } from '../e2e/lib/clients.js';
import { until } from '../e2e/lib/process.js';
import { startCluster } from '../e2e/lib/signalbox.js';
import { pause, Random, SEED } from './lib.js';

const ENDS = 15;
const CLIENTS = 12;
const ROOMS = ['r0', 'r1', 'r2', 'r3'];
const TRANSPORTS = [['websocket'], ['polling'], ['polling', 'websocket']];

/** Joins its rooms whenever it is new, and notes what comes: one list for each room and each of its lives. */
class Listener {
  constructor(url, transports, rooms) {
    this.rooms = rooms;
    this.lives = [];
    this.recoveries = 0;
    this.socket = io(url, { transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 300, timeout: 3000 });
    this.socket.on('number', (room, number) => this.lives.at(-1)?.[room].push(number));
    this.socket.on('connect', () => this.begin());
    this.socket.on('disconnect', () => (this.isIn = false));
  }

  begin() {
    if (this.socket.recovered) {
      this.recoveries++;
      this.isIn = true;
      return;
    }
    this.lives.push(Object.fromEntries(this.rooms.map((room) => [room, []])));
    const joined = this.rooms.map((room) => this.socket.timeout(5000).emitWithAck('signalbox:join', { room }));
    Promise.all(joined).then(() => (this.isIn = true), () => this.socket.disconnect().connect());
  }
}

/** Emits 0, 1, 2, … to a room, each until it is accepted; its id makes a repetition harmless. */
class Speaker {
  constructor(url, token, room) {
    Object.assign(this, { url, token, room, next: 0 });
  }

  async say() {
    const body = { event: 'number', args: [this.room, this.next], id: `${this.room}-${this.next}` };
    for (;;) {
      const sent = await http('POST', `${this.url}/api/v1/rooms/${this.room}/emit`,
        { headers: { authorization: `Bearer ${this.token}` }, body, timeout: 5000 }).catch(() => ({ status: 0 }));
      if (sent.status === 202) break;
      await pause(50);
    }
    this.next++;
  }
}

test(`${ENDS} ends, seed ${SEED}`, { timeout: 240000 }, async (t) => {
  const random = new Random(SEED);
  const cluster = await startCluster(t, {
    count: 3, balancer: 'random(1)',
    args: ['--recovery', '60s', '--socketio-ping-interval', '2s', '--socketio-ping-timeout', '2s', '--auth-failures', '0'],
  });
  const { url } = cluster.balancer;
  const token = await cluster.token('server', 'chaos');
  const listeners = Array.from({ length: CLIENTS }, (_, i) =>
    new Listener(url, TRANSPORTS[i % 3], [ROOMS[i % 4], ROOMS[(i + 1) % 4]]));
  t.after(() => listeners.forEach(({ socket }) => socket.disconnect()));
  const allAreIn = () => until('everybody is in', () => listeners.every(({ isIn }) => isIn), 30000);
  await allAreIn();

  const speakers = ROOMS.map((room) => new Speaker(url, token, room));
  let isOver = false;
  const talking = speakers.map(async (speaker) => {
    while (!isOver) {
      await speaker.say();
      await pause(10);
    }
  });
  for (let i = 0; i < ENDS; i++) {
    const victim = random.pick(cluster.replicas);
    await pause(300 + random.below(700));
    await (random.below(3) > 0 ? victim.kill() : victim.stop());
    await pause(random.below(500));
    await victim.launch();
  }
  await allAreIn();
  isOver = true;
  await Promise.all(talking);
  const last = Object.fromEntries(speakers.map(({ room, next }) => [room, next - 1]));
  await until('everybody has the last of each room', () => listeners.every(({ rooms, lives }) =>
    rooms.every((room) => lives.at(-1)[room].at(-1) === last[room])), 30000).catch(() => {});

  let received = 0;
  for (const [i, { rooms, lives }] of listeners.entries()) {
    for (const [k, life] of lives.entries()) {
      for (const room of rooms) {
        const got = life[room];
        received += got.length;
        for (let n = 1; n < got.length; n++) {
          assert.equal(got[n], got[n - 1] + 1, `client ${i} (${TRANSPORTS[i % 3]}), life ${k + 1} of ${lives.length}, ${room}`);
        }
        if (k === lives.length - 1) assert.equal(got.at(-1), last[room], `client ${i} (${TRANSPORTS[i % 3]}), the last of ${room}`);
      }
    }
  }
  const recoveries = listeners.reduce((sum, one) => sum + one.recoveries, 0);
  const newLives = listeners.reduce((sum, one) => sum + one.lives.length - 1, 0);
  t.diagnostic(`${received} received, ${recoveries} recoveries, ${newLives} new lives`);
  assert.ok(received > 1000, 'there was load');
  assert.ok(recoveries > 5 * newLives, 'recovery is the rule');
});
