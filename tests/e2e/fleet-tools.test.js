// SPDX-License-Identifier: MIT
// The simulated agent and the plain model against frames and hashes of the original.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { Agent, SENTINEL } from './lib/fleet-agent.js';
import { baseOf, choices, documents, EventModel, stateHash } from './lib/fleet-model.js';
import { decode, encode } from './lib/fleet-wire.js';
import { until } from './lib/process.js';

const hex = (text) => Buffer.from(text.replace(/\s/g, ''), 'hex');

const toAgent = [
  ['hello', `0a0b666c6565742f68656c6c6f 1219 0300 0a1039663363303164326134623565363738 1003 188827`,
    { topic: 'fleet/hello', message: { instanceId: '9f3c01d2a4b5e678', protocolVersion: 3, heartbeatMs: 5000 } }],
  ['a first poll', `0a0a666c6565742f706f6c6c 1212 0300 0a06706f6c6c5f31 1a06616374697665`,
    { topic: 'fleet/poll', message: { reqId: 'poll_1', status: 'active' } }],
  ['a poll with a hash', `0a0a666c6565742f706f6c6c 1224 0300 0a06706f6c6c5f32 121037323236613665623331616165353433 1a06616374697665`,
    { topic: 'fleet/poll', message: { reqId: 'poll_2', knownHash: '7226a6eb31aae543', status: 'active' } }],
  ['create', `0a09666c6565742f636d64 1222 0300 0a05636d645f31 1206637265617465 1a086d617463682d3432 22056d61746368`,
    { topic: 'fleet/cmd', message: { cmdId: 'cmd_1', op: 'create', roomId: 'match-42', roomType: 'match' } }],
  ['drain', `0a09666c6565742f636d64 1210 0300 0a05636d645f33 1205647261696e`,
    { topic: 'fleet/cmd', message: { cmdId: 'cmd_3', op: 'drain' } }],
];
for (const [name, frame, want] of toAgent) {
  test(`an agent reads ${name}`, () => assert.deepEqual(decode(hex(frame)), want));
}

const eu1 = {
  name: 'eu1', processUid: 'p_00112233445566778899aabb', labels: { region: 'eu' }, maxConnections: 2000, maxRooms: 100,
  rooms: [{ id: 'match-42', type: 'match', connections: 300, origin: 'fleet' },
    { id: 'hall', type: 'lobby', connections: 0, origin: 'local' }],
};
const bare = {
  name: 'eu1', processUid: eu1.processUid, autoCreate: false, roomTypes: [], status: 'draining',
};

/** Acts as an orchestrator that is told what to send; gives what the agent sent. */
async function dialogue(t, options, frames) {
  const server = new WebSocketServer({ port: 0, handleProtocols: (offers) => offers.has(SENTINEL) && SENTINEL });
  const got = [];
  let offered;
  server.on('connection', (ws, request) => {
    offered = request.headers['sec-websocket-protocol'];
    ws.on('message', (data) => got.push(data));
    for (const frame of frames) ws.send(frame);
  });
  const agent = new Agent(`ws://127.0.0.1:${server.address().port}/`, 'a-key', options);
  t.after(() => {
    agent.stop();
    server.close();
  });
  await until('it has answered', () => got.length === frames.length - 1);
  assert.equal(offered, 'a-key,rivalis-fleet.v1');
  return { agent, got: got.map((data) => data.toString('hex')) };
}

const hello = hex(toAgent[0][1]);
const poll = (reqId, knownHash) => encode('fleet/poll', { reqId, ...(knownHash && { knownHash }), status: 'active' });
const cmd = (cmdId, op, roomId, roomType) =>
  encode('fleet/cmd', { cmdId, op, ...(roomId && { roomId }), ...(roomType && { roomType }) });

const dialogues = [
  ['a full state, then its hash', eu1, [poll('poll_1'), poll('poll_2', '7226a6eb31aae543')], [
    `0a0b666c6565742f7374617465 12c301 0300 0a06706f6c6c5f31 1001 1801 221037323236613665623331616165353433 2a03657531
     321a705f303031313232333334343535363637373838393961616262 3a05382e302e30 4003
     4a157773733a2f2f6575312e6578616d706c652e636f6d 520c0a06726567696f6e12026575 5a0508d00f1064 6001
     6a056c6f626279 6a056d61746368 72160a0468616c6c12056c6f626279180022056c6f63616c
     721b0a086d617463682d343212056d6174636818ac022205666c656574 7a06616374697665`,
    '0a0b666c6565742f7374617465 1220 0300 0a06706f6c6c5f32 1000 1802 221037323236613665623331616165353433']],
  ['a state of nothing', bare, [poll('poll_1')], [
    `0a0b666c6565742f7374617465 126f 0300 0a06706f6c6c5f31 1001 1801 221039343734656535626539653936323633 2a03657531
     321a705f303031313232333334343535363637373838393961616262 3a05382e302e30 4003
     4a157773733a2f2f6575312e6578616d706c652e636f6d 5a00 6000 7a08647261696e696e67`]],
  ['created', { rooms: [] }, [cmd('cmd_1', 'create', 'match-42', 'match')],
    ['0a09666c6565742f61636b 121e 0300 0a05636d645f31 1001 2a110a086d617463682d343212056d61746368']],
  ['done', {}, [cmd('cmd_3', 'drain')], ['0a09666c6565742f61636b 120b 0300 0a05636d645f33 1001']],
  ['destroyed before', {}, [cmd('cmd_2', 'destroy', 'x')], ['0a09666c6565742f61636b 120d 0300 0a05636d645f32 1001 2001']],
  ['it is there', { rooms: [{ id: 'r', type: 'match', connections: 0, origin: 'local' }] }, [cmd('cmd_1', 'create', 'r', 'match')],
    ['0a09666c6565742f61636b 1225 0300 0a05636d645f31 1000 1a16726f6f6d20696420616c7265616479206578697374733001']],
  ['refused', { autoCreate: false }, [cmd('cmd_1', 'create', 'r', 'match')],
    ['0a09666c6565742f61636b 1234 0300 0a05636d645f31 1000 1a276175746f4372656174652069732064697361626c6564206f6e207468697320696e7374616e6365']],
];
for (const [name, options, frames, want] of dialogues) {
  test(`an agent says: ${name}`, async (t) => {
    const { got } = await dialogue(t, structuredClone(options), [hello, ...frames]);
    assert.deepEqual(got, want.map((frame) => frame.replace(/\s/g, '')));
  });
}

test('the model: hashes, names, events and choices', () => {
  const snapshot = (uid, rooms, more = {}) => ({
    name: 'eu1', processUid: uid, agentVersion: '8.0.0', protocolVersion: 3, endpointUrl: 'wss://eu1.example.com',
    labels: { region: 'eu' }, capacity: { maxConnections: 2000, maxRooms: null }, autoCreate: true,
    roomTypes: ['lobby', 'match'], rooms, status: 'active', ...more,
  });
  const room = (id, origin, connections = 0) => ({ id, type: 'match', connections, origin });
  const one = { id: 'c59f5d418beea4c6', snapshot: snapshot('p_00112233445566778899aabb', [room('match-42', 'fleet', 300)]), held: 0 };
  assert.equal(stateHash([]), '4f53cda18c2baa0c');
  assert.equal(stateHash(documents([one])), 'a7beff3c089755c9');
  assert.equal(baseOf('a/b ~é'), 'a%2Fb%20%7E%C3%A9');
  assert.equal(baseOf('we ird~%'), 'we%20ird%7E%25');
  assert.equal(baseOf('x'.repeat(65)), 'x'.repeat(65));

  const two = { id: '0000000000000002', snapshot: snapshot('p_2', [room('x', 'fleet'), room('y', 'local')]), held: 0 };
  const first = { id: '0000000000000001', snapshot: snapshot('p_1', [room('x', 'local'), room('y', 'local')]), held: 0 };
  const names = documents([first, two]).map((doc) => doc.rooms.map(({ id }) => id));
  assert.deepEqual(names, [['p_1~x', 'y'], ['x', 'p_2~y']]);

  const model = new EventModel();
  assert.deepEqual(model.change([first]).map(({ type, data }) => [type, data.id]),
    [['instance:join', first.id], ['room:create', 'x'], ['room:create', 'y'], ['sync', undefined]]);
  assert.deepEqual(model.change([first, two]).map(({ type, data }) => [type, data.id]), [
    ['room:create', 'p_1~x'], ['instance:join', two.id], ['room:create', 'p_2~y'], ['sync', undefined]]);
  assert.deepEqual(model.change([two], first).map(({ type, data }) => [type, data.id]), [
    ['instance:leave', first.id], ['room:destroy', 'p_1~x'], ['room:destroy', 'p_2~y'], ['sync', undefined]]);

  const at = (id, connections, capacity = {}) => ({
    id, held: 0, snapshot: snapshot(`p_${id}`, [room(`r${id}`, 'local', connections)],
      { capacity: { maxConnections: null, maxRooms: null, ...capacity } }),
  });
  const ids = (list, placement) => choices(list, 'match', placement).map(({ id }) => id);
  const full = at('f', 0, { maxRooms: 1 });
  assert.deepEqual(ids([at('a', 5), at('b', 3), at('c', 3), full]), ['b', 'c']);
  assert.deepEqual(ids([at('a', 5), at('b', 3)], { strategy: 'most-loaded' }), ['a']);
  assert.deepEqual(ids([at('a', 5, { maxConnections: 100 }), at('b', 3, { maxConnections: 10 })]), ['a']);
  assert.deepEqual(ids([at('a', 5, { maxConnections: 100 }), at('b', 3, { maxConnections: 3 })]), ['a']);
  assert.deepEqual(ids([at('a', 5)], { labels: { region: 'us' } }), []);
});
