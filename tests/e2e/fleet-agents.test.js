// SPDX-License-Identifier: MIT
// Agents of a fleet: who is let in, what ends a connection, and the life between: polls, states, misses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SENTINEL } from './lib/fleet-agent.js';
import { ADMIN_KEY, AGENT_KEY, OK, refusal, startFleet } from './lib/fleet.js';
import { encode, outerFrame } from './lib/fleet-wire.js';
import { until } from './lib/process.js';
import { Raw } from './lib/raw.js';

const offers = (...list) => `Sec-WebSocket-Protocol: ${list.join()}\r\n`;
const head = (raw) => raw.received.slice(0, raw.received.indexOf('\r\n\r\n'));

// ---- handshakes ----------------------------------------------------------------------------------------

const REFUSED = {
  'the same element twice': offers(AGENT_KEY, SENTINEL, SENTINEL),
  'an element that is no token': offers('a b', SENTINEL),
  'an empty element': offers('', SENTINEL),
};

const NOT_ADMITTED = {
  'an unknown key': ['no-key', SENTINEL],
  'an admin key': [ADMIN_KEY, SENTINEL],
  'the sentinel first': [SENTINEL, AGENT_KEY],
  'the sentinel alone': [SENTINEL],
};

test('fleet: handshakes', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { count: 1, balancer: false });
  const [node] = fleet.replicas;

  await t.test('on any path; the sentinel is echoed, wherever it stands; no extensions', async () => {
    for (const path of ['/', '/some/path?q=1', '/v1/events', '/sync?ticket=x']) {
      for (const list of [[AGENT_KEY, SENTINEL], [AGENT_KEY, 'other', SENTINEL]]) {
        const raw = await Raw.upgrade(node.port, path,
          `Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n${offers(...list)}`);
        assert.match(head(raw), /^HTTP\/1\.1 101 /);
        assert.match(head(raw), /\r\nsec-websocket-protocol: rivalis-fleet\.v1(\r\n|$)/i);
        assert.match(head(raw), /\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=(\r\n|$)/i);
        assert.doesNotMatch(head(raw), /sec-websocket-extensions/i);
        await raw.has('fleet/hello');
        raw.close();
      }
    }
  });

  for (const [name, headers] of Object.entries(REFUSED)) {
    await t.test(`400: ${name}`, async () => {
      const raw = await Raw.upgrade(node.port, '/', headers);
      assert.match(head(raw), /^HTTP\/1\.1 400 /);
      raw.close();
    });
  }

  for (const [name, protocols] of Object.entries(NOT_ADMITTED)) {
    await t.test(`4001: ${name}`, async () => {
      const agent = fleet.agent({ protocols, retries: false });
      assert.deepEqual(await agent.close(), { code: 4001, reason: '' });
      assert.deepEqual([agent.hellos, agent.polls], [[], []]);
    });
  }

  await t.test('a key that the command line has added', async () => {
    const key = await fleet.token('agent', 'game-server');
    const agent = fleet.agent({ key, protocols: [key, SENTINEL] });
    await agent.admitted();
  });
});

// ---- what ends a connection ------------------------------------------------------------------------------

const undecodable = outerFrame('fleet/state', Buffer.from('{"full":true}'));
const times = (count, work) => Array.from({ length: count }, work);

// [what the agent does when it is known, code, reason]
const ENDS = {
  'a text frame': [({ ws }) => ws.send('hello'), 4002, ''],
  'no outer frame': [({ ws }) => ws.send(Buffer.from('ffff', 'hex')), 4003, 'invalid_message'],
  'a wire type that there is not': [({ ws }) => ws.send(Buffer.from('0d00000000', 'hex')), 4003, 'invalid_message'],
  'a topic of more than 256 characters': [({ ws }) => ws.send(outerFrame('t'.repeat(257), Buffer.alloc(2))), 4003, 'invalid_message'],
  'another topic': [({ ws }) => ws.send(outerFrame('fleet/poll', Buffer.from([3, 0]))), 4003, 'invalid_message'],
  'too many frames': [({ ws }) => times(200, () => ws.send(undecodable)), 4003, 'rate_limited'],
  'an answer to no poll': [(agent) => agent.answer({ reqId: 'poll_0' }), 4003, ''],
  'a second answer': [(agent) => agent.answer(agent.polls.at(-1)), 4003, ''],
  'an acknowledgement of nothing': [({ ws }) => ws.send(encode('fleet/ack', { cmdId: 'cmd_0', ok: true })), 4003, ''],
  'a message of more than 4 MiB': [({ ws }) => ws.send(Buffer.alloc(4 * 1024 * 1024 + 1)), 1009],
};

// what is dropped, and nothing more
const DROPPED = {
  'a frame without a payload': Buffer.from('0a0b666c6565742f7374617465', 'hex'),
  'a frame without a topic': Buffer.from('12020300', 'hex'),
  'a state in JSON': undecodable,
  'a payload of one byte': outerFrame('fleet/state', Buffer.from([3])),
  'a message that is cut': outerFrame('fleet/state', Buffer.from('03000a06706f', 'hex')),
  'an acknowledgement of another version': encode('fleet/ack', { cmdId: 'cmd_0', ok: true }, [2, 0]),
};

test('fleet: what ends a connection', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '1s' });
  for (const [name, [misbehave, code, reason]] of Object.entries(ENDS)) {
    await t.test(name, async () => {
      const [agent] = await fleet.join({ retries: false });
      misbehave(agent);
      const end = await agent.close();
      assert.equal(end.code, code);
      if (reason !== undefined) assert.equal(end.reason, reason);
      await fleet.gone(agent.instanceId);
    });
  }

  await t.test('an unmasked frame, of somebody unknown too', async () => {
    for (const key of [AGENT_KEY, 'no-key']) {
      const raw = await Raw.upgrade(fleet.replicas[0].port, '/', offers(key, SENTINEL));
      raw.write('\x82\x01x');
      await raw.ended();
    }
    for (const replica of fleet.replicas) assert.equal(replica.child.end, undefined);
  });

  for (const [name, frame] of Object.entries(DROPPED)) {
    await t.test(`it stays after ${name}`, async () => {
      const agent = fleet.agent({ isMute: true, name });
      await agent.admitted();
      await until('the first poll', () => agent.polls.length === 1);
      agent.ws.send(frame);
      agent.answer(agent.polls[0]);
      await fleet.listed(agent);
      assert.deepEqual(agent.closes, []);
      agent.stop();
    });
  }

  await t.test('a state in fragments', async () => {
    const agent = fleet.agent({ isMute: true });
    await agent.admitted();
    await until('the first poll', () => agent.polls.length === 1);
    const frame = encode('fleet/state', agent.stateFor(agent.polls[0]));
    agent.ws.send(frame.subarray(0, 20), { fin: false });
    agent.ws.send(frame.subarray(20, 21), { fin: false });
    agent.ws.send(frame.subarray(21), { fin: true });
    await fleet.listed(agent);
    agent.stop();
  });
});

// ---- polls and states -----------------------------------------------------------------------------------------

test('fleet: polls and states', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '100ms' });

  await t.test('hello, then a poll; not listed before its first state', async () => {
    const stream = await fleet.events(fleet.node());
    const agent = fleet.agent({ isMute: true, retries: false });
    await agent.admitted();
    const [{ instanceId, ...rest }] = agent.hellos;
    assert.match(instanceId, /^[0-9a-f]{16}$/);
    assert.deepEqual(rest, { protocolVersion: 3, heartbeatMs: 100 });
    await until('the first poll', () => agent.polls.length === 1);
    assert.deepEqual([agent.polls[0].knownHash, agent.polls[0].status], [undefined, 'active']);
    assert.equal((await fleet.rest('GET', `/v1/instances/${instanceId}`)).text, refusal('INSTANCE_NOT_FOUND'));
    assert.equal((await fleet.rest('POST', `/v1/instances/${instanceId}/drain`)).text, refusal('INSTANCE_NOT_FOUND'));
    assert.deepEqual(await agent.close(), { code: 4003, reason: '' });
    assert.equal(agent.polls.length, 1);
    const [witness] = await fleet.join({});
    const [first] = await stream.has(1);
    assert.deepEqual([first.type, first.data.id], ['instance:join', witness.instanceId]);
    witness.stop();
  });

  await t.test('everything is asked for in polls 1, 13 and 25', async () => {
    const [agent] = await fleet.join({});
    await until('26 polls', () => agent.polls.length >= 26, 20000);
    const whole = agent.polls.slice(0, 26).flatMap(({ knownHash }, i) => (knownHash === undefined ? [i + 1] : []));
    assert.deepEqual(whole, [1, 13, 25]);
    assert.equal(new Set(agent.polls.map(({ reqId }) => reqId)).size, agent.polls.length);
    agent.stop();
  });

  await t.test('an empty hash is sent as one', async () => {
    const agent = fleet.agent({ isMute: true });
    await until('the first poll', () => agent.polls.length === 1);
    agent.answer(agent.polls[0], { hash: '' });
    await until('the second', () => agent.polls.length === 2);
    assert.equal(agent.polls[1].knownHash, '');
    agent.stop();
  });

  await t.test('a change is listed, and told to everybody', async () => {
    const [agent] = await fleet.join({ name: 'before' });
    agent.name = 'after';
    agent.addRoom('hall', 'lobby', { connections: 7 });
    await agent.inStep();
    for (const node of fleet.replicas) {
      const { data } = (await fleet.rest('GET', `/v1/instances/${agent.instanceId}`, undefined, { node })).json;
      assert.deepEqual([data.name, data.connections, data.rooms.map(({ id }) => id)], ['after', 7, ['hall']]);
      assert.ok(Math.abs(data.lastSyncAt - Date.now()) < 5000, `${data.lastSyncAt}`);
    }
    agent.stop();
  });

  await t.test('a state with an old number is dropped', async () => {
    const [agent] = await fleet.join({ name: 'first' });
    agent.isMute = true;
    const count = agent.polls.length;
    const next = await until('a poll that waits', () => agent.polls.length > count && agent.polls.at(-1));
    agent.answer(next, { full: true, name: 'second', seq: 1 });
    await until('it goes on', () => agent.polls.length > count + 1);
    assert.equal((await fleet.get(`/v1/instances/${agent.instanceId}`)).name, 'first');
    assert.deepEqual(agent.closes, []);
    agent.stop();
  });

  await t.test('draining echoes', async () => {
    const [agent] = await fleet.join({});
    await agent.drain();
    for (const node of fleet.replicas) {
      const { data } = (await fleet.rest('GET', `/v1/instances/${agent.instanceId}`, undefined, { node })).json;
      assert.equal(data.status, 'draining');
    }
    agent.status = 'active';
    await until('active again', () => agent.polls.at(-1).status === 'active');
    agent.stop();
  });

  await t.test('drained through REST', async () => {
    const [agent] = await fleet.join({});
    const path = `/v1/instances/${agent.instanceId}`;
    const drained = await fleet.rest('POST', `${path}/drain`);
    assert.deepEqual([drained.status, drained.text], [200, OK]);
    assert.equal(agent.status, 'draining');
    await until('the poll says so', () => agent.polls.at(-1).status === 'draining');
    assert.equal((await fleet.rest('POST', `${path}/undrain`)).text, OK);
    await until('the poll says so', () => agent.polls.at(-1).status === 'active');
    agent.stop();
  });

  await t.test('who comes again has another id, and the old one leaves', async () => {
    const stream = await fleet.events(fleet.node());
    const [agent] = await fleet.join({ rooms: [{ id: 'kept', type: 'match', connections: 1, origin: 'fleet' }] });
    const before = agent.instanceId;
    agent.breakOff();
    await until('it is back', () => agent.hellos.length === 2);
    assert.notEqual(agent.instanceId, before);
    await fleet.listed(agent);
    await fleet.gone(before);
    await stream.find('its leave', ({ type, data }) => type === 'instance:leave' && data.id === before);
    await until('the room has its name', async () => (await fleet.rest('GET', '/v1/rooms/kept')).status === 200);
    agent.stop();
    await fleet.gone(agent.instanceId);
  });

  await t.test('of two with one processUid the later is meant', async () => {
    const processUid = 'p_000000000000000000000001';
    const agents = await fleet.join({ processUid }, { processUid, name: 'later' });
    const made = await fleet.create({ type: 'match', placement: { processUid } });
    assert.equal(made.json.data.instanceId, agents[1].instanceId);
    agents.forEach((agent) => agent.stop());
  });
});

// ---- silence -----------------------------------------------------------------------------------------------

const PERIOD = 500;
const LATE = 450; // how much later than due something may happen on a busy machine

test('fleet: an agent that is silent', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: `${PERIOD}ms` });
  const stream = await fleet.events(fleet.replicas[0]);
  const isStale = (agent) => ({ type, data }) => type === 'instance:stale' && data.id === agent.instanceId;

  /** From now on it is silent: when the poll came that it does not answer. */
  const silence = async (agent) => {
    const count = agent.polls.length;
    agent.isMute = true;
    await until('a poll without an answer', () => agent.polls.length > count);
    return agent.polls.at(-1).at;
  };

  await t.test('is stale at the second miss, and evicted at the third', async () => {
    const [agent] = await fleet.join({ retries: false });
    const asked = await silence(agent);
    await stream.find('stale', isStale(agent));
    const stale = performance.now() - asked;
    assert.ok(stale > 2 * PERIOD - 60 && stale < 2 * PERIOD + LATE, `stale after ${stale} ms`);
    assert.deepEqual(await agent.close(), { code: 4003, reason: '' });
    const evicted = agent.closes[0].at - asked;
    assert.ok(evicted > 3 * PERIOD - 60 && evicted < 3 * PERIOD + LATE, `evicted after ${evicted} ms`);
    await fleet.gone(agent.instanceId);
    const types = stream.list.filter(({ data }) => data.id === agent.instanceId).map(({ type }) => type);
    assert.deepEqual(types, ['instance:join', 'instance:stale', 'instance:leave']);
  });

  await t.test('is asked nothing more; a late answer makes it good', async () => {
    const [agent] = await fleet.join({ retries: false });
    for (const episode of [1, 2]) {
      await silence(agent);
      const count = agent.polls.length;
      await until(`stale, the ${episode}. time`, () => stream.list.filter(isStale(agent)).length === episode);
      assert.equal((await fleet.create({ type: 'match' })).text, refusal('NO_CANDIDATE'));
      assert.equal((await fleet.create({ type: 'match', placement: { instanceId: agent.instanceId } })).text,
        refusal('INSTANCE_DISCONNECTED'));
      assert.equal(agent.polls.length, count);
      agent.isMute = false;
      agent.answer(agent.polls.at(-1));
      await until('the next poll', () => agent.polls.length > count);
      await until('a candidate again', async () => (await fleet.create({ type: 'match' })).status === 201);
    }
    assert.deepEqual(agent.closes, []);
    agent.stop();
  });
});

test('fleet: a node that ends', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { count: 2, heartbeat: '500ms' });
  const [leaving, staying] = fleet.replicas;
  const [agent] = await fleet.join({ url: `${leaving.wsUrl}/`, retries: false });
  const stream = await fleet.events(leaving);
  const other = await fleet.events(staying);
  leaving.child.signal('SIGTERM');
  assert.deepEqual(await agent.close(), { code: 4003, reason: 'room_destroyed' });
  await until('its stream ends in order', () => stream.isEnded);
  assert.deepEqual([stream.error, stream.blocks], [undefined, []]);
  const left = await other.find('its leave', ({ type }) => type === 'instance:leave');
  assert.equal(left.data.id, agent.instanceId);
  assert.deepEqual(await leaving.child.exited, { code: 0, signal: null });
});
