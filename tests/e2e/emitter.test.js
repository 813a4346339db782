// SPDX-License-Identifier: MIT
// Back ends that already publish with @socket.io/redis-emitter keep it as it is: the real package, three replicas
// of which one listens, and that one killed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Emitter } from '@socket.io/redis-emitter';
import { createClient } from 'redis';
import { until } from './lib/process.js';
import { startCluster } from './lib/signalbox.js';
import { JsClient, startBackEnd } from './lib/socketio.js';

/** A real emitter on the cluster's Redis. */
async function startEmitter(t, redis, options, nsp) {
  const client = createClient({ socket: { path: redis.socket } });
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.destroy());
  return new Emitter(client, options, nsp);
}

/** Which replicas listen to emitters. */
async function listeners(cluster) {
  const live = cluster.replicas.filter((replica) => !replica.child.end);
  const listens = await Promise.all(live.map(async (replica) => (await replica.metrics()).signalbox_emitter_listening));
  return live.filter((_, i) => listens[i] === 1);
}

const oneListens = (cluster) => until('one replica listens', async () => {
  const found = await listeners(cluster);
  assert.ok(found.length <= 1, 'two listen at a time');
  return found[0];
}, 10000);

/** One client on each replica; each enters the room "replica <i>". */
async function openOneEach(t, cluster, options) {
  return Promise.all(cluster.replicas.map(async (replica, i) => {
    const client = await JsClient.open(t, i % 2 === 0 ? 4 : 2, replica.url, { transports: i < 2 ? ['websocket'] : ['polling'], ...options });
    assert.deepEqual(await client.ask('enter', `replica ${i}`), [true]);
    return client;
  }));
}

const roomsAnswer = (body) => (body.type === 'event' && body.event === 'enter' ? { ack: [true], join: [body.args[0]] } : undefined);

test('@socket.io/redis-emitter', async (t) => {
  const backEnd = await startBackEnd(t, roomsAnswer);
  const cluster = await startCluster(t, {
    count: 3, args: ['--emitter-key', 'socket.io', '--hook', `*=${backEnd.url}/events`, '--socketio-namespaces', '/,/admin',
      '--hook', `/admin#*=${backEnd.url}/admin`],
  });
  await oneListens(cluster);
  const emitter = await startEmitter(t, cluster.redis);
  const clients = await openOneEach(t, cluster);
  /** What each of them heard since; a last event in each of its rooms says that it was all. */
  let asked = 0;
  const heard = async () => {
    const mark = ++asked;
    emitter.emit('mark', mark);
    clients.forEach((client, i) => {
      emitter.to(`replica ${i}`).emit('mark', mark);
      emitter.to(client.id).emit('mark', mark);
    });
    return Promise.all(clients.map(async (client) => {
      const events = [];
      for (let marks = 0; marks < 3;) {
        const event = await client.next();
        if (event[0] === 'mark' && event[1] === mark) marks++;
        else events.push(event);
      }
      return events;
    }));
  };

  await t.test('to all', async () => {
    emitter.emit('hello', 'world', 1, null, { a: [true, 1.5, '€😀'] });
    const event = ['hello', 'world', 1, null, { a: [true, 1.5, '€😀'] }];
    assert.deepEqual(await heard(), [[event], [event], [event]]);
  });

  await t.test('to a room, to several, but not to others', async () => {
    emitter.to('replica 0').emit('one');
    emitter.to(['replica 0', 'replica 1']).emit('two');
    emitter.except('replica 2').emit('three');
    emitter.to(['replica 1', 'replica 2']).except('replica 1').emit('four');
    emitter.to(clients[2].id).emit('private');
    const sorted = (await heard()).map((events) => events.map(([name]) => name).sort()); // no order between rooms
    assert.deepEqual(sorted, [['one', 'three', 'two'], ['three', 'two'], ['four', 'private']]);
  });

  await t.test('binary', async () => {
    const bytes = Buffer.from([0, 1, 2, 255]);
    emitter.to('replica 1').to('replica 2').emit('bytes', { deep: [bytes] }, Buffer.from('x'));
    const [none, ...both] = await heard();
    assert.deepEqual(none, []);
    for (const [[name, { deep }, last]] of both) {
      assert.equal(name, 'bytes');
      assert.deepEqual([Buffer.from(deep[0]), Buffer.from(last)], [bytes, Buffer.from('x')]);
    }
  });

  await t.test('order', async () => {
    for (let i = 0; i < 300; i++) emitter.to('replica 0').emit('number', i);
    const [numbers] = await heard();
    assert.deepEqual(numbers, Array.from({ length: 300 }, (_, i) => ['number', i]));
  });

  await t.test('reserved names and nonsense reach nobody', async () => {
    assert.throws(() => emitter.emit('connect'));
    await cluster.redis.command('publish', 'socket.io#/#', 'nonsense');
    await cluster.redis.command('publish', 'socket.io-request#/#', '{"type":2');
    await cluster.redis.command('publish', 'socket.io-request#/#', '{"requestId":"x","uid":"server","type":5,"opts":{"rooms":[]}}');
    assert.deepEqual(await heard(), [[], [], []]);
  });

  await t.test('sockets join and leave', async () => {
    emitter.in(['replica 0', 'replica 2']).socketsJoin(['vip', 'guests']);
    const told = async (room, ...who) => {
      const mark = `${room} ${who}`;
      await until(mark, async () => {
        emitter.to(room).emit('news', mark);
        const events = await heard();
        return events.every((list, i) => list.some((event) => event[1] === mark) === who.includes(i));
      });
    };
    await told('vip', 0, 2);
    await told('guests', 0, 2);
    emitter.in('replica 0').socketsLeave('vip');
    await told('vip', 2);
    await told('guests', 0, 2);
    emitter.socketsLeave('guests');
    await told('guests');
  });

  await t.test('another namespace', async (inner) => {
    const admin = await JsClient.open(inner, 4, cluster.replicas[0].url, { namespace: '/admin' });
    emitter.of('/admin').emit('for admins', 1);
    assert.deepEqual(await admin.next(), ['for admins', 1]);
    assert.deepEqual(await heard(), [[], [], []]);
    admin.close();
  });

  await t.test('what is for servers goes to the back end, once', async () => {
    emitter.serverSideEmit('rebuild', 1, { two: [3] });
    emitter.of('/admin').serverSideEmit('audit');
    const told = () => backEnd.bodies.filter((body) => body.type === 'server_event');
    await until('the back end is told', () => told().length >= 2);
    assert.deepEqual(told().map(({ namespace, event, args, $path }) => [namespace, event, args, $path]).sort(),
      [['/', 'rebuild', [1, { two: [3] }], '/events'], ['/admin', 'audit', [], '/admin']]);
    assert.deepEqual(await heard(), [[], [], []]);
    assert.equal(told().length, 2);
  });

  await t.test('sockets are disconnected', async (inner) => {
    const [first, second] = await Promise.all([1, 2].map((i) => JsClient.open(inner, 4, cluster.replicas[i].url, { reconnection: false })));
    emitter.in(first.id).disconnectSockets();
    await until('the first is out', () => first.disconnected);
    assert.equal(first.disconnected, 'io server disconnect');
    emitter.in(second.id).disconnectSockets(true);
    await until('the second is out', () => second.disconnected);
    assert.ok(second.socket.io.engine === undefined || second.socket.io.engine.readyState !== 'open');
    assert.deepEqual(await heard(), [[], [], []]);
  });
});

test('the replica that listens to emitters is killed', async (t) => {
  const backEnd = await startBackEnd(t, roomsAnswer);
  const cluster = await startCluster(t, {
    count: 3, args: ['--emitter-key', 'socket.io', '--hook', `*=${backEnd.url}/events`],
  });
  const emitter = await startEmitter(t, cluster.redis);
  for (let round = 0; round < 2; round++) {
    const listener = await oneListens(cluster);
    const rest = cluster.replicas.filter((replica) => replica !== listener && !replica.child.end);
    const clients = await Promise.all(rest.map((replica) => JsClient.open(t, 4, replica.url, { transports: ['websocket'] })));
    const numbers = (client) => client.events.filter(([name]) => name === `tick ${round}`).map((event) => event[1]);
    let sent = 0;
    const ticking = setInterval(() => emitter.emit(`tick ${round}`, sent++), 10);
    t.after(() => clearInterval(ticking));
    await until('it flows', () => clients.every((client) => numbers(client).length > 10));
    await listener.kill();
    const lost = sent;
    assert.notEqual(await oneListens(cluster), listener);
    const back = sent;
    await until('it flows again', () => clients.every((client) => numbers(client).some((number) => number > back + 20)));
    clearInterval(ticking);
    emitter.emit(`tick ${round}`, 'end');
    await until('the end', () => clients.every((client) => numbers(client).at(-1) === 'end'));
    for (const client of clients) {
      const got = numbers(client).slice(0, -1);
      assert.deepEqual(got, [...new Set(got)].sort((a, b) => a - b), 'in order, and none twice');
      const missing = Array.from({ length: sent }, (_, i) => i).filter((i) => !got.includes(i));
      assert.ok(missing.every((i) => i >= lost - 50 && i < back + 50), `only what was published meanwhile is lost: ${missing}`);
      assert.ok(missing.length < 400, `lost ${missing.length}`);
    }
    clients.forEach((client) => client.close());
  }
});
