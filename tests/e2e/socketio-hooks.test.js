// SPDX-License-Identifier: MIT
// Back ends that are asked about clients' events, connects and ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { http } from './lib/clients.js';
import { freePort, until } from './lib/process.js';
import { startCluster } from './lib/signalbox.js';
import { JsClient, startBackEnd } from './lib/socketio.js';

/** A node that is killed with the answer in its hands leaves the same delivery to another. */
const byDelivery = (bodies) => [...new Map(bodies.map((body) => [body.id, body])).values()];

test('hooks', async (t) => {
  let answer = () => undefined;
  const backEnd = await startBackEnd(t, (body) => answer(body), { secret: 's3cret' });
  const ofType = (type) => backEnd.bodies.filter((body) => body.type === type);
  const cluster = await startCluster(t, {
    count: 3, balancer: 'random(1)',
    args: ['--hook', `chat=${backEnd.url}/chat`, '--hook', `/admin#kick=${backEnd.url}/kick`, '--hook', `slow=${backEnd.url}/slow`,
      '--hook', `gone=http://127.0.0.1:${await freePort()}/`,
      '--connect-hook', `${backEnd.url}/connect`, '--disconnect-hook', `${backEnd.url}/disconnect`,
      '--hook-secret', 's3cret', '--hook-timeout', '1s', '--socketio-namespaces', '/,/admin'],
  });
  const { url } = cluster.balancer;
  const server = await cluster.token('server', 'back-end');

  await t.test('a connect is told of and may be refused', async (inner) => {
    answer = (body) => (body.type === 'connect' && body.auth.name === 'mallory'
      ? { $status: 403, json: { message: 'Go away', data: { code: 7 } } } : { join: ['hall'] });
    const ann = await JsClient.open(inner, 4, url, { auth: { name: 'ann' }, query: { v: '1' } });
    const told = ofType('connect').at(-1);
    assert.deepEqual([told.namespace, told.auth, told.socket?.id ?? told.id], ['/', { name: 'ann' }, ann.id]);
    await http('POST', `${url}/api/v1/rooms/hall/emit`, { headers: { authorization: `Bearer ${server}` }, body: { event: 'hi', args: [] } });
    assert.deepEqual(await ann.next(), ['hi']);
    const mallory = new JsClient(inner, 4, url, { auth: { name: 'mallory' }, reconnection: false });
    await until('refused', () => mallory.error);
    assert.deepEqual([mallory.error.message, mallory.error.data], ['Go away', { code: 7 }]);
    ann.close();
  });

  await t.test('an answer acks, emits, joins, leaves, disconnects', async (inner) => {
    answer = (body) => {
      if (body.type !== 'event') return {};
      switch (body.args[0]) {
        case 'all': return { ack: ['done', 1], join: ['den'], emit: [{ event: 'to you', args: [2] }, { event: 'to all', args: [3], rooms: ['den'] }] };
        case 'out': return { ack: [], leave: ['den'] };
        case 'bye': return { disconnect: true };
        default: return undefined;
      }
    };
    const [ann, bob] = await Promise.all([JsClient.open(inner, 4, url), JsClient.open(inner, 2, url)]);
    assert.deepEqual(await bob.ask('chat', 'all'), ['done', 1]);
    await until('both', () => bob.events.length === 2);
    assert.deepEqual([...bob.events].sort(), [['to all', 3], ['to you', 2]]);
    assert.deepEqual(await ann.ask('chat', 'all'), ['done', 1]);
    await until('bob hears it', () => bob.events.length === 3);
    assert.deepEqual(await ann.ask('chat', 'out'), []);
    await bob.ask('chat', 'all');
    await until('bob hears his own', () => bob.events.length === 5);
    assert.equal(ann.count('to all'), 1);
    ann.emit('chat', 'bye');
    await until('she is out', () => ann.disconnected);
    assert.equal(ann.disconnected, 'io server disconnect');
    bob.close();
  });

  await t.test('what a back end is told of an event', async (inner) => {
    answer = () => ({ ack: [null] });
    const ann = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    await ann.ask('chat', 'x', { deep: [1.50] }, Buffer.from([1, 2]));
    const told = ofType('event').at(-1);
    assert.deepEqual([told.event, told.namespace, told.args, told.attachments, told.ack, told.socket.id],
      ['chat', '/', ['x', { deep: [1.5] }, { _placeholder: true, num: 0 }], ['AQI='], true, ann.id]);
    assert.ok(told.$delivery);
    ann.close();
  });

  await t.test('a namespace has hooks of its own', async (inner) => {
    answer = (body) => ({ ack: [body.namespace] });
    const admin = await JsClient.open(inner, 4, url, { namespace: '/admin' });
    assert.deepEqual(await admin.ask('kick'), ['/admin']);
    assert.equal(backEnd.bodies.at(-1).$path, '/kick');
    admin.close();
  });

  await t.test('a back end that fails, is slow, is not there, makes no sense', async (inner) => {
    const ann = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    answer = (body) => (body.type === 'event' ? { $status: 500 } : {});
    assert.ok('error' in (await ann.ask('chat', 'x'))[0]);
    answer = (body) => (body.event === 'slow' ? new Promise((resolve) => setTimeout(resolve, 1500, {})) : {});
    const since = Date.now();
    assert.ok('error' in (await ann.ask('slow'))[0]);
    assert.ok(Date.now() - since < 1450);
    assert.ok('error' in (await ann.ask('gone'))[0]);
    answer = (body) => (body.type === 'event' ? { ack: 'no array' } : {});
    assert.ok('error' in (await ann.ask('chat', 'x'))[0]);
    ann.close();
  });

  await t.test('the events of a socket keep their order', async (inner) => {
    answer = async (body) => {
      if (body.type === 'event') await new Promise((resolve) => setTimeout(resolve, 10 - (body.args[0] % 10)));
      return { ack: body.args };
    };
    const ann = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    const got = [];
    await Promise.all(Array.from({ length: 30 }, (_, i) => ann.ask('chat', i).then(([n]) => got.push(n))));
    assert.deepEqual(got, Array.from({ length: 30 }, (_, i) => i));
    assert.deepEqual(ofType('event').filter(({ socket }) => socket.id === ann.id).map(({ args }) => args[0]), got);
    ann.close();
  });

  await t.test('with protocol 3, too, who leaves a namespace and comes again has two ends', async (inner) => {
    answer = () => ({});
    const ann = await JsClient.open(inner, 2, url, { reconnection: false });
    const admin = ann.socket.io.socket('/admin');
    inner.after(() => admin.disconnect());
    await until('in', () => admin.connected);
    const { id } = admin;
    const told = (type) => byDelivery(ofType(type).filter(({ socket }) => socket.id === id));
    admin.disconnect();
    admin.connect();
    await until('in again', () => admin.connected && told('connect').length === 2);
    assert.equal(admin.id, id);
    await until('the first end', () => told('disconnect').length === 1);
    ann.socket.io.engine.close();
    await until('the second end', () => told('disconnect').length === 2);
    const [first, second] = told('disconnect');
    assert.deepEqual([first.reason, second.reason], ['client namespace disconnect', 'transport close']);
    assert.ok(first.endedAt >= first.connectedAt && second.connectedAt >= first.endedAt, JSON.stringify([first, second]));
    ann.close();
  });

  await t.test('each end is told once: clients that leave, that break off, whose node is killed', async (inner) => {
    answer = () => ({});
    const clients = await Promise.all(Array.from({ length: 12 }, (_, i) => JsClient.open(inner, 4, url,
      { transports: i % 2 ? ['websocket'] : ['polling'], reconnection: false })));
    const ids = clients.map(({ id }) => id);
    const ends = (id) => byDelivery(ofType('disconnect').filter(({ socket }) => socket.id === id));
    clients[0].close();
    clients[1].socket.io.engine.close();
    await until('two ends', () => ends(ids[0]).length + ends(ids[1]).length === 2);
    assert.equal(ends(ids[0])[0].reason, 'client namespace disconnect');
    assert.equal(ends(ids[1])[0].reason, 'transport close');
    await Promise.all(cluster.replicas.slice(0, 2).map((replica) => replica.kill()));
    await until('the third ends in order', () => true);
    await cluster.replicas[2].stop();
    await Promise.all(cluster.replicas.map((replica) => replica.launch()));
    await until('all ends', () => ids.every((id) => ends(id).length >= 1), 60000);
    for (const id of ids) assert.equal(ends(id).length, 1, id);
  });
});

test('each end is told once: moves, grace, Redis that starts again, killed nodes', async (t) => {
  const bodies = [];
  const backEnd = await startBackEnd(t, (body) => {
    bodies.push(body);
    return body.type === 'connect' ? { emit: [{ event: 'hello' }] } : undefined; // what brings the first offset
  });
  const cluster = await startCluster(t, {
    count: 3, balancer: 'random(1)',
    args: ['--connect-hook', `${backEnd.url}/in`, '--disconnect-hook', `${backEnd.url}/gone`, '--recovery', '60s', '--disconnect-grace', '3s',
      '--hook', `*=${backEnd.url}/event`, '--socketio-ping-interval', '2s', '--socketio-ping-timeout', '1s'],
  });
  const { url } = cluster.balancer;
  const ends = (id) => byDelivery(bodies.filter(({ type, socket }) => type === 'disconnect' && socket.id === id));
  const connects = (id) => bodies.filter(({ type, socket }) => type === 'connect' && socket.id === id);
  const clients = await Promise.all(Array.from({ length: 18 }, (_, i) => JsClient.open(t, 4, url,
    { transports: [['websocket'], ['polling'], ['polling', 'websocket']][i % 3] })));
  await Promise.all(clients.filter((_, i) => i % 3 === 2).map((client) => client.upgraded()));
  const ids = clients.map(({ id }) => id);
  await Promise.all(clients.map((client) => client.next()));

  clients.slice(0, 6).forEach((client) => client.socket.io.engine.close()); // they come back within the grace
  await until('they are back', () => clients.every(({ socket }) => socket.connected));
  assert.deepEqual(clients.map(({ id }) => id), ids);

  await cluster.redis.kill();
  clients.slice(6, 9).forEach((client) => client.close());
  await cluster.redis.launch();
  await until('who left meanwhile', () => ids.slice(6, 9).every((id) => ends(id).length === 1), 30000);

  await cluster.replicas[0].kill();
  const rest = clients.filter((_, i) => i < 6 || i >= 9);
  await Promise.all(rest.map(({ socket }) => until('it lives elsewhere',
    () => socket.timeout(1000).emitWithAck('ping').then(() => true, () => false), 30000)));
  await cluster.replicas[0].launch();
  const came = rest.map(({ id }) => id);
  rest.forEach((client) => client.close());
  await until('all ends', () => [...came, ...ids].every((id) => ends(id).length >= 1), 60000);
  const seen = new Set(bodies.filter(({ type }) => type === 'connect').map(({ socket }) => socket.id));
  for (const id of seen) assert.equal(ends(id).length, 1, `${id}: ${JSON.stringify(ends(id))}`);
  for (const id of ids) assert.equal(connects(id).length, 1, 'a client that comes back is not asked about again');
  for (const id of came) assert.equal(ends(id)[0].reason, 'client namespace disconnect', 'none was told while it lived');
});
