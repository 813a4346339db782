// SPDX-License-Identifier: MIT
// Unmodified clients of every line, on every transport, through a balancer that sends each request to any of
// three replicas; a back end that speaks HTTP.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { http } from './lib/clients.js';
import { until } from './lib/process.js';
import { startCluster } from './lib/signalbox.js';
import { JsClient, PythonClient, startBackEnd } from './lib/socketio.js';

const TRANSPORTS = { websocket: ['websocket'], polling: ['polling'], 'polling, then WebSocket': ['polling', 'websocket'] };

const CLIENTS = {
  'socket.io-client 4.x': (t, url, options) => JsClient.open(t, 4, url, options),
  'socket.io-client 3.x': (t, url, options) => JsClient.open(t, 3, url, options),
  'socket.io-client 2.x': (t, url, options) => JsClient.open(t, 2, url, options),
  'python-socketio': (t, url, options) => PythonClient.open(t, url,
    { ...options, events: ['greeting', 'back', 'news', 'number', 'picture'] }),
};

/** What the back end does with each event. */
function answer(body) {
  if (body.type !== 'event') return undefined;
  switch (body.event) {
    case 'greet': return { ack: [`hello ${body.args[0]}`], emit: [{ event: 'greeting', args: body.args }] };
    case 'enter': return { ack: [true], join: [body.args[0]] };
    case 'exit': return { ack: [true], leave: [body.args[0]] };
    case 'number': return { ack: [body.args[0]] };
    case 'picture': return { ack: [Buffer.from(body.attachments[0], 'base64').toString('hex')] };
    default: return { ack: [{ error: 'unknown' }] };
  }
}

test('real clients', async (t) => {
  const backEnd = await startBackEnd(t, answer, { secret: 'a secret' });
  const cluster = await startCluster(t, {
    count: 3, balancer: 'random(1)', args: ['--hook', `*=${backEnd.url}/events`, '--hook-secret', 'a secret'],
  });
  const { url } = cluster.balancer;
  const token = await cluster.token('server', 'back-end');
  const api = (method, path, body) =>
    http(method, url + path, { headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body });

  for (const [name, connect] of Object.entries(CLIENTS)) {
    for (const [how, transports] of Object.entries(TRANSPORTS)) {
      await t.test(`${name}, ${how}`, async (inner) => {
        const room = `room ${name} ${how}`;
        const path = `/api/v1/rooms/${encodeURIComponent(room)}`;
        const client = await connect(inner, url, { transports });
        assert.deepEqual(await client.ask('greet', 'Ann'), ['hello Ann']);
        assert.deepEqual(await client.next(), ['greeting', 'Ann']);
        if (transports.length === 2) await client.upgraded();
        assert.deepEqual(await client.ask('greet', 'Bob €😀'), ['hello Bob €😀']);
        assert.deepEqual(await client.next(), ['greeting', 'Bob €😀']);

        assert.deepEqual(await client.ask('enter', room), [true]);
        const members = await api('GET', `${path}/members`);
        assert.equal(members.status, 200, members.text);
        assert.equal(members.json.members.length, 1, members.text);
        const sent = await api('POST', `${path}/emit`, { event: 'news', args: [1, { a: ['€😀', null] }] });
        assert.equal(sent.status, 202, sent.text);
        assert.deepEqual(await client.next(), ['news', 1, { a: ['€😀', null] }]);

        const bytes = Buffer.from([0, 1, 2, 255]);
        const binary = await api('POST', `${path}/emit`,
          { event: 'picture', args: [{ _placeholder: true, num: 0 }], attachments: [bytes.toString('base64')] });
        assert.equal(binary.status, 202, binary.text);
        const [, picture] = await client.next();
        assert.deepEqual(Buffer.from(picture), bytes);
        assert.deepEqual(await client.ask('picture', bytes), ['000102ff']);

        assert.deepEqual(await client.ask('exit', room), [true]);
        await api('POST', `${path}/emit`, { event: 'news', args: ['not for you'] });
        assert.deepEqual(await client.ask('greet', 'Cid'), ['hello Cid']);
        assert.deepEqual(await client.next(), ['greeting', 'Cid']);
        client.close();
      });

      await t.test(`${name}, ${how}: 300 messages keep their order`, async (inner) => {
        const room = `order ${name} ${how}`;
        const client = await connect(inner, url, { transports });
        await client.ask('enter', room);
        const acks = [];
        for (let i = 0; i < 300; i++) acks.push(client.ask('number', i));
        for (let i = 0; i < 300; i++) {
          const sent = await api('POST', `/api/v1/rooms/${encodeURIComponent(room)}/emit`, { event: 'number', args: [i] });
          assert.equal(sent.status, 202, sent.text);
        }
        assert.deepEqual(await Promise.all(acks), Array.from({ length: 300 }, (_, i) => [i]));
        const heard = [];
        for (let i = 0; i < 300; i++) heard.push(await client.next());
        if (client instanceof PythonClient) heard.sort((a, b) => a[1] - b[1]); // it has a thread for each event
        assert.deepEqual(heard, Array.from({ length: 300 }, (_, i) => ['number', i]));
        assert.equal(client.events.length, 300);
        client.close();
      });
    }
  }

  await t.test('a broadcast reaches everybody but those who are excepted', async (inner) => {
    const clients = await Promise.all(Array.from({ length: 9 }, (_, i) =>
      JsClient.open(inner, i % 2 === 0 ? 4 : 2, url, { transports: Object.values(TRANSPORTS)[i % 3] })));
    await Promise.all(clients.map((client, i) => client.ask('enter', i < 6 ? 'red' : 'blue')));
    await Promise.all(clients.slice(4, 8).map((client) => client.ask('enter', 'green')));
    const sent = await api('POST', '/api/v1/emit', { rooms: ['red', 'blue'], except: ['green'], event: 'news', args: ['x'] });
    assert.equal(sent.status, 202, sent.text);
    const all = await api('POST', '/api/v1/emit', { event: 'news', args: ['all'] });
    assert.equal(all.status, 202, all.text);
    for (const [i, client] of clients.entries()) {
      if (i < 4 || i === 8) assert.deepEqual(await client.next(), ['news', 'x']);
      assert.deepEqual(await client.next(), ['news', 'all']);
    }
    clients.forEach((client) => client.close());
  });

  await t.test('acknowledgements are collected from all over', async (inner) => {
    const clients = await Promise.all(Array.from({ length: 6 }, (_, i) =>
      JsClient.open(inner, 4, url, { transports: Object.values(TRANSPORTS)[i % 3] })));
    for (const [i, client] of clients.entries()) {
      client.socket.on('question', (text, done) => done(`${text} ${i}`));
      await client.ask('enter', 'quiz');
    }
    const got = await api('POST', '/api/v1/rooms/quiz/emit', { event: 'question', args: ['who?'], ack: { timeout: 5000 } });
    assert.equal(got.status, 200, got.text);
    assert.deepEqual([got.json.complete, got.json.clients], [true, 6]);
    assert.deepEqual(got.json.answers.map(({ args }) => args[0]).sort(), clients.map((_, i) => `who? ${i}`));
    clients[0].socket.off('question');
    const late = await api('POST', '/api/v1/rooms/quiz/emit', { event: 'question', args: ['again?'], ack: { timeout: 300 } });
    assert.deepEqual([late.json.complete, late.json.clients, late.json.answers.length], [false, 6, 5]);
    clients.forEach((client) => client.close());
  });

  await t.test('a back end makes sockets join, leave and end', async (inner) => {
    const client = await JsClient.open(inner, 4, url, { transports: ['polling'] });
    const { id } = client;
    assert.equal((await api('POST', `/api/v1/sockets/${id}/join`, { rooms: ['vip'] })).status, 202);
    await until('it has joined', async () => (await api('GET', '/api/v1/rooms/vip')).json.members === 1);
    await api('POST', '/api/v1/rooms/vip/emit', { event: 'news', args: ['vip'] });
    assert.deepEqual(await client.next(), ['news', 'vip']);
    assert.equal((await api('POST', `/api/v1/sockets/${id}/leave`, { rooms: ['vip'] })).status, 202);
    await until('it has left', async () => (await api('GET', '/api/v1/rooms/vip')).json.members === 0);
    assert.equal((await api('POST', `/api/v1/sockets/${id}/disconnect`, {})).status, 202);
    await until('it is disconnected', () => client.disconnected);
    assert.equal(client.disconnected, 'io server disconnect');
    assert.equal((await api('POST', `/api/v1/sockets/${id}/join`, { rooms: ['vip'] })).status, 404);
  });

  await t.test('an unknown namespace is refused', async (inner) => {
    const unknown = new JsClient(inner, 4, url, { namespace: '/nope', reconnection: false });
    await until('it is refused', () => unknown.error);
    assert.equal(unknown.error.message, 'Invalid namespace');
  });
});
