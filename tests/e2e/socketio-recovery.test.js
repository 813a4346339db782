// SPDX-License-Identifier: MIT
// Connection state recovery as socket.io-client 4 does it: whatever ended the connection, the owner's kill -9
// included, the client gets what it missed, once and in order, or is told that it was not recovered.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { http } from './lib/clients.js';
import { exchange } from './lib/conformance.js';
import { until } from './lib/process.js';
import { startCluster } from './lib/signalbox.js';
import { JsClient, startBackEnd } from './lib/socketio.js';

const numbers = (client) => client.events.filter(([name]) => name === 'number').map(([, number]) => number);
const upTo = (count, from = 0) => Array.from({ length: count - from }, (_, i) => from + i);

/** The line breaks as seen from both sides: no close packet, no close frame. */
function breakOff(client) {
  const { engine } = client.socket.io;
  if (engine.transport.name === 'websocket') engine.transport.ws.terminate?.() ?? engine.transport.ws._socket.destroy();
  else engine.transport.onError('broken');
}

test('recovery', async (t) => {
  const disconnects = [];
  const backEnd = await startBackEnd(t, (body) => {
    if (body.type === 'disconnect') disconnects.push(body);
    if (body.type !== 'event') return undefined;
    if (body.event === 'enter') return { ack: [true], join: body.args };
    if (body.event === 'bye') {
      return { emit: [{ event: 'one', args: [1] }, { event: 'two', args: [{ _placeholder: true, num: 0 }], attachments: ['AQID'] }], disconnect: true };
    }
    return { ack: body.args };
  });
  const cluster = await startCluster(t, {
    count: 3, balancer: 'random(1)',
    args: ['--recovery', '30s', '--hook', `*=${backEnd.url}`, '--disconnect-hook', `${backEnd.url}/end`,
      '--disconnect-grace', '2s', '--socketio-ping-interval', '2s', '--socketio-ping-timeout', '1s', '--room-keep', '200', '--live-bound', '256'],
  });
  const { url } = cluster.balancer;
  const token = await cluster.token('server', 'back-end');
  const emit = async (room, event, ...args) => {
    const target = () => cluster.replicas.find((replica) => !replica.child.end)?.url;
    const sent = await http('POST', `${target()}/api/v1/rooms/${encodeURIComponent(room)}/emit`,
      { headers: { authorization: `Bearer ${token}` }, body: { event, args } });
    assert.equal(sent.status, 202, sent.text);
  };
  const owner = async (client) => {
    for (const replica of cluster.replicas) {
      if (replica.child.end) continue;
      const metrics = await replica.metrics();
      if (Object.entries(metrics).some(([name, value]) => name.startsWith('signalbox_socketio_sockets') && value > 0)) return replica;
    }
    throw new Error(`nobody has ${client.id}`);
  };

  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    await t.test(`the line breaks, ${transports}`, async (inner) => {
      const client = await JsClient.open(inner, 4, url, { transports });
      const { id } = client;
      await client.ask('enter', 'r1', 'r2');
      for (const i of upTo(5)) await emit(i % 2 ? 'r1' : 'r2', 'number', i);
      await until('five', () => numbers(client).length === 5);
      if (transports.length === 2) await client.upgraded();
      client.socket.io.reconnectionDelay(700);
      breakOff(client);
      await until('it is disconnected', () => client.disconnected);
      for (const i of upTo(15, 5)) await emit(i % 3 ? 'r1' : 'r2', 'number', i);
      await emit(id, 'number', 15);
      await until('it is back', () => client.connects === 2);
      assert.equal(client.socket.recovered, true);
      assert.equal(client.id, id);
      await until('all', () => numbers(client).length >= 16);
      await emit('r2', 'number', 16);
      await until('one more', () => numbers(client).length >= 17);
      const got = numbers(client);
      assert.deepEqual([...got].sort((a, b) => a - b), upTo(17));
      for (const rest of [0, 1, 2]) {
        const room = got.filter((n) => n >= 5 && n < 15 && (rest === 0 ? n % 3 === 0 : n % 3 !== 0));
        assert.deepEqual(room, [...room].sort((a, b) => a - b), 'a room keeps its order');
      }
      client.close();
      await until('one end', () => disconnects.some(({ socket }) => socket.id === id));
      assert.equal(disconnects.filter(({ socket }) => socket.id === id).length, 1);
    });

    await t.test(`the owner is killed, ${transports}`, async (inner) => {
      const client = await JsClient.open(inner, 4, url, { transports });
      const { id } = client;
      if (transports.length === 2) await client.upgraded();
      await client.ask('enter', 'r1');
      await emit('r1', 'number', 0);
      await until('one', () => numbers(client).length === 1);
      const killed = await owner(client);
      await killed.kill();
      for (const i of upTo(20, 1)) await emit('r1', 'number', i);
      await until('it is back', () => client.connects === 2, 20000);
      assert.equal(client.socket.recovered, true);
      assert.equal(client.id, id);
      await until('all', () => numbers(client).length >= 20);
      assert.deepEqual(numbers(client), upTo(20));
      await killed.launch();
      client.close();
      await until('its end is told', () => disconnects.some(({ socket }) => socket.id === id), 20000);
      assert.equal(disconnects.filter(({ socket }) => socket.id === id).length, 1);
    });
  }

  await t.test('recovery can be tried again', async (inner) => {
    const client = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    const { id } = client;
    await client.ask('enter', 'r1');
    let next = 0;
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 3; i++) await emit('r1', 'number', next++);
      await until('they came', () => numbers(client).length === next);
      breakOff(client);
      await emit('r1', 'number', next++);
      await until('it is back', () => client.connects === round + 2);
      assert.equal(client.socket.recovered, true, `round ${round}`);
    }
    await until('all', () => numbers(client).length === next);
    assert.deepEqual(numbers(client), upTo(next));
    assert.equal(client.id, id);
    client.close();
  });

  await t.test('a gap is told', async (inner) => {
    const client = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    const { id } = client;
    await client.ask('enter', 'gap');
    await emit('gap', 'number', 0);
    await until('one', () => numbers(client).length === 1);
    client.socket.io.reconnectionDelay(1500);
    breakOff(client);
    await until('it is disconnected', () => client.disconnected);
    await Promise.all(upTo(600, 1).map((i) => emit('gap', 'number', i)));
    await until('it is back', () => client.connects === 2);
    assert.equal(client.socket.recovered, false);
    assert.notEqual(client.id, id);
    assert.deepEqual(numbers(client), [0]);
    client.close();
  });

  await t.test('what a back end did meanwhile holds', async (inner) => {
    const client = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    const { id } = client;
    await client.ask('enter', 'left');
    await emit(id, 'number', 0);
    await until('one', () => numbers(client).length === 1);
    client.socket.io.reconnectionDelay(1000);
    breakOff(client);
    await until('it is disconnected', () => client.disconnected);
    const asked = await http('POST', `${url}/api/v1/rooms/left/leave`,
      { headers: { authorization: `Bearer ${token}` }, body: { rooms: ['left'] } });
    assert.equal(asked.status, 202, asked.text);
    await until('it is back', () => client.connects === 2);
    assert.equal(client.socket.recovered, true);
    await emit('left', 'number', 98);
    await emit(id, 'number', 1);
    await until('the other', () => numbers(client).length >= 2);
    assert.deepEqual(numbers(client), [0, 1]);
    client.close();
  });

  await t.test('a client that left in order is not recovered', async (inner) => {
    const client = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    const { id } = client;
    await emit(id, 'number', 0);
    await until('one', () => numbers(client).length === 1);
    client.socket.disconnect();
    client.socket.connect();
    await until('it is back', () => client.connects === 2);
    assert.equal(client.socket.recovered, false);
    assert.notEqual(client.id, id);
    client.close();
  });

  await t.test('what was missed and the answer come by one poll', async () => {
    const base = `${url}/socket.io/?EIO=4&transport=polling`;
    const connect = async (auth) => {
      const { sid } = JSON.parse((await exchange('GET', base)).text.slice(1));
      const held = exchange('GET', `${base}&sid=${sid}`);
      await exchange('POST', `${base}&sid=${sid}`, { body: `40${JSON.stringify(auth)}` });
      return { sid, packets: (await held).text.split('\x1e') };
    };
    const first = await connect({});
    const { sid: id, pid } = JSON.parse(first.packets[0].slice(2));
    await emit(id, 'number', 0);
    const [, , offset] = JSON.parse((await exchange('GET', `${base}&sid=${first.sid}`)).text.slice(2));
    for (const i of upTo(51, 1)) await emit(id, 'number', i);
    const { packets } = await connect({ pid, offset });
    assert.deepEqual(packets.slice(0, 50).map((packet) => JSON.parse(packet.slice(2))[1]), upTo(51, 1));
    assert.deepEqual(packets.slice(50), [`40${JSON.stringify({ sid: id, pid })}`]);
  });

  await t.test('the last words of a back end arrive', async (inner) => {
    const client = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    client.emit('bye');
    await until('it is out', () => client.disconnected);
    assert.deepEqual(client.events, [['one', 1], ['two', Buffer.from([1, 2, 3])]]);
  });
});

test('more than may wait is not repeated', async (t) => {
  const backEnd = await startBackEnd(t, (body) => ({ ack: [true], join: body.args }));
  const cluster = await startCluster(t, {
    args: ['--recovery', '30s', '--hook', `enter=${backEnd.url}`, '--socketio-pending-max', '16KiB'],
  });
  const [{ url }] = cluster.replicas;
  const token = await cluster.token('server', 'back-end');
  const emit = (room, number) => http('POST', `${url}/api/v1/rooms/${room}/emit`,
    { headers: { authorization: `Bearer ${token}` }, body: { event: 'number', args: [number] } });
  const rooms = upTo(30).map((i) => `r${i}`);
  for (const transports of [['polling'], ['websocket']]) {
    const client = await JsClient.open(t, 4, url, { transports });
    await client.ask('enter', ...rooms);
    for (const room of rooms) await emit(room, 0);
    await until('one of each', () => numbers(client).length === rooms.length);
    client.socket.io.reconnection(false);
    breakOff(client);
    await until('it is disconnected', () => client.disconnected);
    for (let i = 1; i <= 400; i += 50) await Promise.all(upTo(50).map(() => emit('r0', i)));
    client.socket.io.reconnection(true);
    client.socket.connect();
    await until('it is back', () => client.connects === 2);
    client.disconnected = undefined;
    await emit(client.id, -1);
    await until('it hears', () => numbers(client).includes(-1));
    assert.equal(client.socket.recovered, false);
    assert.equal(client.disconnected, undefined, 'it stays');
    client.close();
  }
});
