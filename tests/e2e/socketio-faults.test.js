// SPDX-License-Identifier: MIT
// Kills, pauses of Redis and slow readers, under real clients.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { http } from './lib/clients.js';
import { exchange } from './lib/conformance.js';
import { until } from './lib/process.js';
import { Raw } from './lib/raw.js';
import { startCluster } from './lib/signalbox.js';
import { JsClient, startBackEnd } from './lib/socketio.js';

test('faults', async (t) => {
  const backEnd = await startBackEnd(t, (body) => (body.event === 'enter' ? { ack: [true], join: body.args } : { ack: body.args }));
  const cluster = await startCluster(t, {
    count: 3, balancer: 'random(1)',
    args: ['--hook', `*=${backEnd.url}`, '--socketio-pending-max', '64KiB', '--room-keep', '256', '--write-timeout', '60s'],
  });
  const { url } = cluster.balancer;
  const token = await cluster.token('server', 'back-end');
  const emit = (room, event, args, at = url) => http('POST', `${at}/api/v1/rooms/${room}/emit`,
    { headers: { authorization: `Bearer ${token}` }, body: { event, args } });

  await t.test('a client of a killed node is back on another, and in its room', async (inner) => {
    for (const transports of [['websocket'], ['polling']]) {
      const client = new JsClient(inner, 4, url, { transports });
      client.socket.on('connect', () => client.emit('enter', 'home'));
      const isIn = () => until('it is in', async () => {
        const alive = cluster.replicas.find((replica) => !replica.child.end);
        const { json } = await http('GET', `${alive.url}/api/v1/rooms/home`, { headers: { authorization: `Bearer ${token}` } });
        return json.members === 1;
      }, 30000);
      await isIn();
      for (const replica of cluster.replicas) {
        await replica.kill();
        await isIn();
        await until('it hears again', async () => {
          await emit('home', 'hello', [], cluster.replicas.find((one) => !one.child.end).url);
          return client.count('hello') > 0;
        }, 20000);
        client.events.length = 0;
        await replica.launch();
      }
      client.close();
      await until('it is out', async () => {
        const { json } = await http('GET', `${url}/api/v1/rooms/home`, { headers: { authorization: `Bearer ${token}` } });
        return json?.members === 0;
      }, 30000);
    }
  });

  await t.test('a pause of Redis: connections stay, what was accepted arrives', async (inner) => {
    const clients = await Promise.all([['websocket'], ['polling']].map((transports) => JsClient.open(inner, 4, url, { transports })));
    for (const client of clients) await client.ask('enter', 'pause');
    cluster.redis.pause();
    await new Promise((resolve) => setTimeout(resolve, 3000)); // shorter than --redis-timeout
    cluster.redis.resume();
    const accepted = [];
    for (let i = 0; accepted.length < 20; i++) {
      const sent = await emit('pause', 'number', [i]);
      if (sent.status === 202) accepted.push(i);
    }
    for (const client of clients) {
      await until('all', () => client.count('number') >= accepted.length);
      assert.deepEqual(client.events.filter(([name]) => name === 'number').map(([, i]) => i), accepted);
      client.close();
    }
  });

  await t.test('Redis is restarted: connections stay', async (inner) => {
    const client = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    await client.ask('enter', 'again');
    await cluster.redis.kill();
    const refused = await exchange('GET', `${url}/socket.io/?EIO=4&transport=polling`);
    assert.ok([200, 503].includes(refused.status));
    await cluster.redis.restart();
    await until('it hears again', async () => {
      const sent = await emit('again', 'hello', []);
      return sent.status === 202 && client.count('hello') > 0;
    }, 20000);
    assert.equal(client.connects, 1);
    client.close();
  });

  await t.test('a slow reader does not hold up the others, and is told of what it missed', async (inner) => {
    const quick = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    await quick.ask('enter', 'flood');
    const [replica] = cluster.replicas;
    const slow = await Raw.upgrade(replica.port, '/socket.io/?EIO=4&transport=websocket');
    const say = (text) => {
      const bytes = Buffer.from(text);
      slow.write(Buffer.concat([Buffer.from([0x81, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]).toString('latin1'));
    };
    say('40');
    await slow.has('"sid"');
    say('420["enter","flood"]');
    await slow.has('430[true]');
    slow.socket.pause();
    const text = 'x'.repeat(20_000);
    for (let i = 0; i < 1500; i++) {
      const sent = await emit('flood', 'number', [i, text]);
      assert.equal(sent.status, 202, sent.text);
    }
    await until('the quick one has all', () => quick.count('number') === 1500, 30000);
    await until('the slow one is cut', async () => {
      const metrics = await replica.metrics();
      return metrics.signalbox_socketio_connections === undefined || slow.isEnded ||
        Object.entries(metrics).some(([name, value]) => /too_slow|slow_reader/.test(name) && value > 0);
    }, 60000);
    slow.close();
    quick.close();
  });
});
