// SPDX-License-Identifier: MIT
// What the official test suites of Engine.IO and Socket.IO ask of a server, told again from the protocol
// documents: pingInterval 300, pingTimeout 200, maxPayload 1000000, connectTimeout 1000, any origin.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import WebSocket from 'ws';
import { until } from './process.js';

const PING_INTERVAL = 300;
const PING_TIMEOUT = 200;

/** One connection for one exchange, so that a balancer deals every one anew. */
export function exchange(method, url, { body, headers, signal } = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, signal, agent: false }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: answer.statusCode, headers: answer.headers, bytes, text: bytes.toString() });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** A WebSocket that keeps what comes: texts as they are, binaries as Buffers. */
export class Wire {
  constructor(url) {
    this.ws = new WebSocket(url, { perMessageDeflate: false });
    this.got = [];
    this.at = 0;
    this.ws.on('message', (data, isBinary) => this.got.push(isBinary ? data : data.toString()));
    this.ws.on('close', (code) => (this.closed = { code }));
    this.ws.on('error', (error) => (this.error = error));
    this.ws.on('open', () => (this.isOpen = true));
  }

  static async open(url) {
    const wire = new Wire(url);
    await until(`open ${url}: ${wire.error}`, () => {
      if (wire.error) throw wire.error;
      return wire.isOpen;
    });
    return wire;
  }

  send(data) {
    this.ws.send(data);
  }

  async next(ms) {
    await until(`message ${this.at + 1}`, () => this.got.length > this.at || this.closed, ms);
    assert.ok(this.got.length > this.at, `closed: ${JSON.stringify(this.closed)}`);
    return this.got[this.at++];
  }

  ended(ms) {
    return until('the close', () => this.closed ?? (this.error && { error: this.error }), ms);
  }

  terminate() {
    this.ws.terminate();
  }
}

const ids = (version) => `EIO=${version}`;

/** What one suite talks to: `http`, `ws` are bases, `path` ends in a slash. */
function speaker({ url, path, version }) {
  const base = `${url}${path}?${ids(version)}`;
  const wsBase = base.replace(/^http/, 'ws');
  const poll = (sid, more = '') => `${base}&transport=polling&sid=${sid}${more}`;
  return {
    version,
    base,
    raw: (query, method = 'GET', options) => exchange(method, `${url}${path}${query}`, options),
    wsRaw: (query) => new Wire(`${url}${path}${query}`.replace(/^http/, 'ws')),
    get: (sid, options) => exchange('GET', poll(sid), options),
    post: (sid, body, options) => exchange('POST', poll(sid), { body, ...options }),
    async open(more = '') {
      const answer = await exchange('GET', `${base}&transport=polling${more}`);
      assert.equal(answer.status, 200, answer.text);
      return JSON.parse(version === 4 ? answer.text.slice(1) : answer.text.slice(answer.text.indexOf(':') + 2).replace(/\d+:40$/, ''));
    },
    ws: (more = '') => Wire.open(`${wsBase}&transport=websocket${more}`),
    wsUrl: (more = '') => `${wsBase}&transport=websocket${more}`,
  };
}

/** As the suites look at a WebSocket: for one event, and only when that has come for the next. Who looks too late on a
 * busy machine looks once more. */
const oneByOne = (url, steps) => lookOneByOne(url, steps).catch(() => lookOneByOne(url, steps));

async function lookOneByOne(url, steps) {
  const ws = new WebSocket(url, { perMessageDeflate: false });
  await once(ws, 'open');
  for (const [sent, expected] of steps) {
    if (sent) ws.send(sent);
    const [data] = await once(ws, 'message', { signal: AbortSignal.timeout(5000) });
    assert.match(data.toString(), expected);
  }
  ws.terminate();
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms)); // only where the suite itself counts time

/** The handshake's answer, in both versions, on both transports. */
async function handshakes(t, eio, { greets }) {
  const framed = (text) => {
    if (eio.version === 4) return text;
    const length = Number(text.slice(0, text.indexOf(':')));
    const packet = text.slice(text.indexOf(':') + 1, text.indexOf(':') + 1 + length);
    if (!greets) assert.equal(text.length, `${length}:`.length + length);
    return packet;
  };
  await t.test('polling: the open packet', async () => {
    const answer = await eio.raw(`?EIO=${eio.version}&transport=polling`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'text/plain; charset=UTF-8');
    const packet = framed(answer.text);
    assert.equal(packet[0], '0');
    const data = JSON.parse(packet.slice(1));
    assert.deepEqual(Object.keys(data), ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload']);
    assert.match(data.sid, /^[A-Za-z0-9_-]{20}$/);
    assert.deepEqual([data.upgrades, data.pingInterval, data.pingTimeout, data.maxPayload],
      [['websocket'], PING_INTERVAL, PING_TIMEOUT, 1000000]);
  });
  await t.test('WebSocket: the open packet', async () => {
    const wire = await eio.ws();
    const open = await wire.next();
    assert.equal(open[0], '0');
    const data = JSON.parse(open.slice(1));
    assert.deepEqual(Object.keys(data), ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload']);
    assert.deepEqual(data.upgrades, []);
    wire.terminate();
  });
  for (const [name, query] of [
    ['no EIO', '?transport=polling'], ['EIO=abc', '?EIO=abc&transport=polling'],
    ['no transport', `?EIO=${eio.version}`], ['transport=abc', `?EIO=${eio.version}&transport=abc`],
  ]) {
    await t.test(`polling: ${name} is refused`, async () => assert.equal((await eio.raw(query)).status, 400));
    await t.test(`WebSocket: ${name} is refused`, async () => {
      assert.ok(await eio.wsRaw(query.replace('polling', 'websocket')).ended());
    });
  }
  for (const method of ['POST', 'PUT']) {
    await t.test(`a handshake by ${method} is refused`, async () => {
      assert.equal((await eio.raw(`?EIO=${eio.version}&transport=polling`, method)).status, 400);
    });
  }
}

async function heartbeats4(t, eio) {
  await t.test('polling: pings come, three times', async () => {
    const { sid } = await eio.open();
    await drained(eio, sid);
    for (let i = 0; i < 3; i++) {
      const answer = await eio.get(sid);
      assert.deepEqual([answer.status, answer.text], [200, '2']);
      assert.deepEqual([(await eio.post(sid, '3')).status], [200]);
    }
  });
  await t.test('polling: a client that does not answer is gone after 500 ms', async () => {
    const { sid } = await eio.open();
    await pause(PING_INTERVAL + PING_TIMEOUT);
    const answer = await eio.get(sid);
    assert.equal(answer.status, 400);
  });
  await t.test('WebSocket: pings come, three times', async () => {
    const wire = await eio.ws();
    await wire.next();
    for (let i = 0; i < 3; i++) {
      assert.equal(await wire.next(), '2');
      wire.send('3');
    }
    wire.terminate();
  });
  await t.test('WebSocket: a client that does not answer is closed', async () => {
    const wire = await eio.ws();
    const since = Date.now();
    await wire.ended(2000);
    assert.ok(Date.now() - since < PING_INTERVAL + PING_TIMEOUT + 250);
  });
}

/** Socket.IO suites: nothing waits; Engine.IO 3 on Socket.IO: the greeting is taken. */
async function drained() {}

async function closing(t, eio, { noop, close }) {
  await t.test('a GET is held when another one comes: both end', async () => {
    const { sid } = await eio.open();
    const first = eio.get(sid);
    await pause(5);
    const second = await eio.get(sid);
    assert.ok([400, 500].includes(second.status), `${second.status}`);
    assert.deepEqual([(await first).status, (await first).text], [200, close]);
    assert.equal((await eio.get(sid)).status, 400);
  });
  await t.test('the client closes while its GET is held', async () => {
    const { sid } = await eio.open();
    const [got, posted] = await Promise.all([eio.get(sid), eio.post(sid, close)]);
    assert.deepEqual([got.status, got.text, posted.status], [200, noop, 200]);
    assert.equal((await eio.get(sid)).status, 400);
  });
  await t.test('a GET that the client breaks off ends the connection', async () => {
    const { sid } = await eio.open();
    const abort = new AbortController();
    const held = eio.get(sid, { signal: abort.signal });
    await pause(50);
    abort.abort();
    await assert.rejects(held);
    await pause(50);
    assert.equal((await eio.get(sid)).status, 400);
  });
  await t.test('WebSocket: the client closes', async () => {
    const wire = await eio.ws();
    await wire.next();
    wire.send('1');
    await wire.ended();
  });
}

async function upgrades(t, eio, { noop, echo }) {
  const begin = async () => {
    const { sid } = await eio.open();
    const wire = await eio.ws(`&sid=${sid}`);
    return { sid, wire };
  };
  await t.test('a connection goes from polling to WebSocket', async () => {
    const { sid, wire } = await begin();
    wire.send('2probe');
    assert.equal(await wire.next(), '3probe');
    const held = await eio.get(sid);
    assert.deepEqual([held.status, held.text], [200, noop]);
    wire.send('5');
    if (echo) {
      wire.send('4hello');
      assert.equal(await wire.next(), '4hello');
    }
    wire.terminate();
  });
  await t.test('polling is over after the switch', async () => {
    for (let i = 0; i < 25; i++) { // the GET and the 5 come by different ways: either may be the first
      const { sid, wire } = await begin();
      wire.send('2probe');
      wire.send('5');
      assert.equal((await eio.get(sid)).status, 400);
      assert.equal(await wire.next(), '3probe');
      if (echo) {
        wire.send('4hello');
        assert.equal(await wire.next(), '4hello');
      }
      wire.terminate();
    }
  });
  await t.test('a second WebSocket is let in and closed', async () => {
    const { sid, wire } = await begin();
    wire.send('2probe');
    wire.send('5');
    assert.equal(await wire.next(), '3probe');
    const second = await eio.ws(`&sid=${sid}`);
    assert.equal((await second.ended()).error, undefined);
    if (echo) {
      wire.send('4hello');
      assert.equal(await wire.next(), '4hello');
    }
    wire.terminate();
  });
}

/** Engine.IO 4, the echo server. */
export async function engine4(t, url, path = '/engine.io/') {
  const eio = speaker({ url, path, version: 4 });
  await handshakes(t, eio, {});
  await t.test('polling: a text comes back', async () => {
    const { sid } = await eio.open();
    const posted = await eio.post(sid, '4hello');
    assert.deepEqual([posted.status, posted.text, posted.headers['content-type']], [200, 'ok', 'text/html']);
    assert.equal((await eio.get(sid)).text, '4hello');
  });
  await t.test('polling: three packets come back in one payload', async () => {
    const { sid } = await eio.open();
    await eio.post(sid, '4test1\x1e4test2\x1e4test3');
    assert.equal((await eio.get(sid)).text, '4test1\x1e4test2\x1e4test3');
  });
  await t.test('polling: a text and a binary', async () => {
    const { sid } = await eio.open();
    await eio.post(sid, '4hello\x1ebAQIDBA==');
    assert.equal((await eio.get(sid)).text, '4hello\x1ebAQIDBA==');
  });
  await t.test('polling: a malformed packet ends the connection', async () => {
    const { sid } = await eio.open();
    await eio.post(sid, 'abc');
    assert.equal((await eio.get(sid)).status, 400);
  });
  await t.test('WebSocket: a text comes back', async () => {
    const wire = await eio.ws();
    await wire.next();
    wire.send('4hello');
    assert.equal(await wire.next(), '4hello');
    wire.terminate();
  });
  await t.test('WebSocket: a binary comes back', async () => {
    const wire = await eio.ws();
    await wire.next();
    wire.send(Buffer.from([1, 2, 3, 4]));
    assert.deepEqual(await wire.next(), Buffer.from([1, 2, 3, 4]));
    wire.terminate();
  });
  await t.test('WebSocket: a malformed packet ends the connection', async () => {
    const wire = await eio.ws();
    await wire.next();
    wire.send('abc');
    await wire.ended();
  });
  await heartbeats4(t, eio);
  await closing(t, eio, { noop: '6', close: '1' });
  await upgrades(t, eio, { noop: '6', echo: true });
}

/** Engine.IO 3, the echo server. */
export async function engine3(t, url, path = '/engine.io/') {
  const eio = speaker({ url, path, version: 3 });
  const binary = { 'content-type': 'application/octet-stream' };
  await handshakes(t, eio, {});
  await t.test('polling: a text comes back', async () => {
    const { sid } = await eio.open();
    assert.equal((await eio.post(sid, '6:4hello')).text, 'ok');
    assert.equal((await eio.get(sid)).text, '6:4hello');
  });
  await t.test('polling: lengths are UTF-16', async () => {
    const { sid } = await eio.open('&b64=1');
    await eio.post(sid, '2:4€3:4😀');
    assert.equal((await eio.get(sid)).text, '2:4€3:4😀');
  });
  await t.test('polling: a text and a binary, in base64', async () => {
    const { sid } = await eio.open('&b64=1');
    await eio.post(sid, '6:4hello10:b4AQIDBA==');
    assert.equal((await eio.get(sid)).text, '6:4hello10:b4AQIDBA==');
  });
  await t.test('polling: a text and a binary, as bytes', async () => {
    const { sid } = await eio.open();
    await eio.post(sid, '6:4hello10:b4AQIDBA==');
    const answer = await eio.get(sid);
    assert.equal(answer.headers['content-type'], 'application/octet-stream');
    assert.deepEqual(answer.bytes, Buffer.from('0006ff3468656c6c6f0105ff0401020304', 'hex'));
  });
  await t.test('polling: bytes are taken', async () => {
    const { sid } = await eio.open('&b64=1');
    await eio.post(sid, Buffer.from('0004ff34e282ac0105ff0401020304', 'hex'), { headers: binary });
    assert.equal((await eio.get(sid)).text, '2:4€10:b4AQIDBA==');
  });
  await t.test('polling: a malformed payload ends the connection', async () => {
    const { sid } = await eio.open();
    await eio.post(sid, 'abc');
    assert.equal((await eio.get(sid)).status, 400);
  });
  await t.test('WebSocket: one message at a time', async () => {
    for (let i = 0; i < 10; i++) await oneByOne(eio.wsUrl(), [[null, /^0\{/], ['4hello', /^4hello$/]]);
  });
  await t.test('WebSocket: texts and binaries come back', async () => {
    const wire = await eio.ws();
    await wire.next();
    wire.send('4hello');
    assert.equal(await wire.next(), '4hello');
    wire.send(Buffer.from([4, 1, 2, 3, 4]));
    assert.deepEqual(await wire.next(), Buffer.from([4, 1, 2, 3, 4]));
    wire.send('abc');
    await wire.ended();
  });
  await t.test('polling: a ping is answered', async () => {
    const { sid } = await eio.open();
    for (let i = 0; i < 3; i++) {
      await eio.post(sid, '1:2');
      assert.equal((await eio.get(sid)).text, '1:3');
    }
  });
  await t.test('polling: a client that does not ping is gone after 500 ms', async () => {
    const { sid } = await eio.open();
    await pause(PING_INTERVAL + PING_TIMEOUT);
    assert.equal((await eio.post(sid, '1:2')).status, 400);
  });
  await t.test('WebSocket: a ping is answered', async () => {
    const wire = await eio.ws();
    await wire.next();
    for (let i = 0; i < 3; i++) {
      wire.send('2');
      assert.equal(await wire.next(), '3');
    }
    await wire.ended(2000);
  });
  await closing(t, eio, { noop: '1:6', close: '1:1' });
  await upgrades(t, eio, { noop: '1:6', echo: true });
}

/** Socket.IO 5 over Engine.IO 4. */
export async function socketio5(t, url, path = '/socket.io/') {
  const eio = speaker({ url, path, version: 4 });
  await handshakes(t, eio, {});
  await heartbeats4(t, eio);
  await closing(t, eio, { noop: '6', close: '1' });
  await upgrades(t, eio, { noop: '6', echo: false });

  const open = async () => {
    const wire = await eio.ws();
    await wire.next();
    return wire;
  };
  const joined = async (connect = '40', answer = /^40\{"sid":"[\w-]+"\}$/) => {
    const wire = await open();
    wire.send(connect);
    assert.match(await wire.next(), answer);
    await wire.next(); // auth
    return wire;
  };
  await t.test('WebSocket: one message at a time', async () => {
    for (let i = 0; i < 10; i++) {
      await oneByOne(eio.wsUrl(), [[null, /^0\{/], ['40', /^40\{/], [null, /^42\["auth",\{\}\]$/]]);
    }
  });
  for (const [name, sent, start, auth] of [
    ['the main namespace', '40', '40', '42["auth",{}]'],
    ['the main namespace, with a payload', '40{"token":"123"}', '40', '42["auth",{"token":"123"}]'],
    ['another namespace', '40/custom,', '40/custom,', '42/custom,["auth",{}]'],
    ['another namespace, with a payload', '40/custom,{"token":"abc"}', '40/custom,', '42/custom,["auth",{"token":"abc"}]'],
  ]) {
    await t.test(`connecting to ${name}`, async () => {
      const wire = await open();
      wire.send(sent);
      const answer = await wire.next();
      assert.ok(answer.startsWith(start), answer);
      assert.deepEqual(Object.keys(JSON.parse(answer.slice(start.length))), ['sid']);
      assert.equal(await wire.next(), auth);
      wire.terminate();
    });
  }
  await t.test('an unknown namespace', async () => {
    const wire = await open();
    wire.send('40/random');
    assert.equal(await wire.next(), '44/random,{"message":"Invalid namespace"}');
    wire.terminate();
  });
  await t.test('a first packet that is none', async () => {
    const wire = await open();
    wire.send('4abc');
    await wire.ended();
  });
  await t.test('no namespace within a second', async () => {
    const wire = await open();
    const answer = setInterval(() => wire.ws.readyState === 1 && wire.send('3'), 250);
    await wire.ended(2500);
    clearInterval(answer);
  });
  await t.test('leaving the main namespace', async () => {
    const wire = await joined();
    wire.send('41');
    assert.equal(await wire.next(), '2');
    wire.terminate();
  });
  await t.test('leaving another namespace', async () => {
    const wire = await joined();
    wire.send('40/custom');
    await wire.next();
    await wire.next();
    wire.send('41/custom');
    wire.send('42["message","message to main namespace"]');
    assert.equal(await wire.next(), '42["message-back","message to main namespace"]');
    wire.terminate();
  });
  for (const [name, sent, expected] of [
    ['an event', ['42["message",1,"2",{"3":[true]}]'], ['42["message-back",1,"2",{"3":[true]}]']],
    ['an event with an acknowledgement', ['42456["message-with-ack",1,"2",{"3":[false]}]'], ['43456[1,"2",{"3":[false]}]']],
    ['a binary event',
      ['452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])],
      ['452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])]],
    ['a binary event with an acknowledgement',
      ['452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])],
      ['462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])]],
  ]) {
    await t.test(name, async () => {
      const wire = await joined();
      for (const one of sent) wire.send(one);
      for (const one of expected) assert.deepEqual(await wire.next(), one);
      wire.terminate();
    });
  }
  for (const [name, sent] of [
    ['its type', '4abc'], ['its payload', '42{}'], ['its acknowledgement id', '42abc["message-with-ack",1,"2",{"3":[false]}]'],
  ]) {
    await t.test(`a packet that is malformed in ${name}`, async () => {
      const wire = await joined();
      wire.send(sent);
      await wire.ended();
    });
  }
}
