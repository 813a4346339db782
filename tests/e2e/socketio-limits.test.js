// SPDX-License-Identifier: MIT
// Each limit of Socket.IO, set low: what is beyond it is refused clearly, counted, and costs nobody else anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { http } from './lib/clients.js';
import { exchange, Wire } from './lib/conformance.js';
import { until } from './lib/process.js';
import { startCluster } from './lib/signalbox.js';
import { JsClient } from './lib/socketio.js';

test('limits', async (t) => {
  const cluster = await startCluster(t, {
    args: ['--socketio-max-payload', '2KiB', '--socketio-post-packets', '4', '--socketio-poll-packets', '2',
      '--socketio-max-attachments', '2', '--socketio-max-namespaces', '2', '--socketio-max-rooms', '3', '--socketio-max-acks', '2',
      '--socketio-connect-timeout', '500ms', '--socketio-namespaces', '/,/a,/b,/c', '--max-conns-per-ip', '60',
      '--socketio-upgrade-timeout', '500ms'],
  });
  const [replica] = cluster.replicas;
  const { url } = replica;
  const token = await cluster.token('server', 'back-end');
  const base = `${url}/socket.io/?EIO=4&transport=polling`;
  const wsBase = `${replica.wsUrl}/socket.io/?EIO=4&transport=websocket`;
  const api = (path, body) => http('POST', url + path, { headers: { authorization: `Bearer ${token}` }, body });
  const handshake = async () => `&sid=${JSON.parse((await exchange('GET', base)).text.slice(1)).sid}`;
  const joined = async () => {
    const wire = await Wire.open(wsBase);
    await wire.next();
    wire.send('40');
    assert.match(await wire.next(), /^40\{"sid"/);
    return wire;
  };
  const limit = async (name) => (await replica.metrics())[`signalbox_limit_total{limit="${name}"}`] ?? 0;
  const isCounted = async (name, work) => {
    const before = await limit(name);
    await work();
    await until(`${name} is counted`, async () => (await limit(name)) > before);
  };
  const bystander = await JsClient.open(t, 4, url, { transports: ['websocket'] });
  t.afterEach(() => assert.equal(bystander.disconnected, undefined));

  await t.test('a POST that is too large: 413, and the connection lives', async () => {
    const sid = await handshake();
    const large = await exchange('POST', base + sid, { body: `4${'x'.repeat(2048)}` });
    assert.deepEqual([large.status, large.text], [413, '']);
    assert.equal((await exchange('POST', base + sid, { body: '40' })).text, 'ok');
  });

  await t.test('a WebSocket message that is too large: 1009', async () => {
    const wire = await joined();
    wire.send(`42["x","${'x'.repeat(2048)}"]`);
    assert.equal((await wire.ended()).code, 1009);
  });

  await t.test('too many packets in a POST end the connection', async () => {
    const sid = await handshake();
    const answer = await exchange('POST', base + sid, { body: Array.from({ length: 5 }, () => '3').join('\x1e') });
    assert.equal(answer.text, 'ok');
    assert.equal((await exchange('GET', base + sid)).status, 400);
  });

  await t.test('an answer has so many packets, the rest comes with the next', async () => {
    const sid = await handshake();
    await exchange('POST', base + sid, { body: '40' });
    let packets = (await exchange('GET', base + sid)).text.split('\x1e');
    const { sid: id } = JSON.parse(packets[0].slice(2));
    for (let i = 0; i < 5; i++) assert.equal((await api(`/api/v1/rooms/${id}/emit`, { event: 'n', args: [i] })).status, 202);
    const got = [];
    while (got.length < 5) {
      packets = (await exchange('GET', base + sid)).text.split('\x1e');
      assert.ok(packets.length <= 2);
      got.push(...packets);
    }
    assert.deepEqual(got, [0, 1, 2, 3, 4].map((i) => `42["n",${i}]`));
  });

  await t.test('attachments: so many, and so many bytes in all', async () => {
    await isCounted('socketio_attachments', async () => {
      const wire = await joined();
      wire.send('453-["x"]');
      await wire.ended();
    });
    await isCounted('socketio_attachment_bytes', async () => {
      const wire = await joined();
      wire.send('452-["x"]');
      wire.send(Buffer.alloc(1500));
      wire.send(Buffer.alloc(1500));
      await wire.ended();
    });
  });

  await t.test('namespaces on one connection', async () => {
    const wire = await joined();
    wire.send('40/a,');
    assert.match(await wire.next(), /^40\/a,\{"sid"/);
    wire.send('40/b,');
    assert.match(await wire.next(), /^44\/b,\{"message":"Too many namespaces"/);
    wire.send('41/a');
    wire.send('40/c,');
    assert.match(await wire.next(), /^40\/c,\{"sid"/);
    wire.terminate();
  });

  await t.test('rooms of one socket', async (inner) => {
    const client = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    for (let i = 0; i < 3; i++) assert.deepEqual(await client.ask('signalbox:join', { room: `r${i}` }), [{ ok: true }]);
    assert.ok('error' in (await client.ask('signalbox:join', { room: 'r3' }))[0]);
    assert.deepEqual(await client.ask('signalbox:join', { room: 'r1' }), [{ ok: true }], 'in it already');
    await client.ask('signalbox:leave', { room: 'r0' });
    assert.deepEqual(await client.ask('signalbox:join', { room: 'r3' }), [{ ok: true }]);
    client.close();
  });

  await t.test('acknowledgements that are awaited', async (inner) => {
    const client = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    const asked = Array.from({ length: 4 }, () => api(`/api/v1/rooms/${client.id}/emit`, { event: 'q', args: [], ack: { timeout: 700 } }));
    await until('all came', () => client.count('q') >= 2);
    const answers = await Promise.all(asked);
    assert.ok(answers.every(({ status, json }) => status === 200 && json.answers.length === 0));
    client.close();
  });

  await t.test('names', async (inner) => {
    const client = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    for (const room of ['', 'x'.repeat(129), 'a\u0001b']) {
      assert.ok('error' in (await client.ask('signalbox:join', { room }))[0], JSON.stringify(room));
      assert.equal((await api(`/api/v1/emit`, { rooms: [room], event: 'x', args: [] })).status, 400);
    }
    for (const event of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener', '', 'x'.repeat(129), 5]) {
      const refused = await api(`/api/v1/rooms/r/emit`, { event, args: [] });
      assert.equal(refused.status, 400, `${event}`);
      assert.match(refused.json.error, /^event/);
    }
    client.close();
  });

  await t.test('a client that connects to no namespace', async () => {
    await isCounted('socketio_connect_time', async () => {
      const wire = await Wire.open(wsBase);
      await wire.ended(3000);
    });
  });

  await t.test('an upgrade that is not finished: polling goes on', async () => {
    const sid = await handshake();
    await exchange('POST', base + sid, { body: '40' });
    await exchange('GET', base + sid);
    const wire = await Wire.open(wsBase + sid);
    wire.send('2probe');
    assert.equal(await wire.next(), '3probe');
    await wire.ended(3000);
    assert.equal((await exchange('POST', base + sid, { body: '3' })).text, 'ok');
  });

  await t.test('connections from one address', async () => {
    const wires = [];
    let refused;
    for (let i = 0; i < 70 && !refused; i++) {
      const wire = new Wire(wsBase);
      await until('an answer', () => wire.isOpen || wire.error);
      if (wire.error) refused = wire.error;
      else wires.push(wire);
    }
    assert.match(refused.message, /503/);
    for (const wire of wires) wire.terminate();
    await until('there is room again', async () => {
      const wire = new Wire(wsBase);
      await until('an answer', () => wire.isOpen || wire.error);
      wire.terminate();
      return wire.isOpen;
    });
  });
});
