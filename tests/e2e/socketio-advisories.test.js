// SPDX-License-Identifier: MIT
// The published security advisories of Socket.IO and engine.io, each as it would be tried here: the node lives, its
// memory stays, other clients are served.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import WebSocket from 'ws';
import { exchange, Wire } from './lib/conformance.js';
import { until } from './lib/process.js';
import { Raw } from './lib/raw.js';
import { startCluster } from './lib/signalbox.js';
import { JsClient } from './lib/socketio.js';

const memoryKb = (replica) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${replica.child.pid}/status`, 'utf8'))[1]);

test('advisories', async (t) => {
  // the sanitizer keeps what was freed: here memory is looked at
  const env = { ASAN_OPTIONS: 'exitcode=99:detect_leaks=1:quarantine_size_mb=4' };
  const cluster = await startCluster(t, { args: ['--conformance'], env });
  const [replica] = cluster.replicas;
  const base = `${replica.url}/socket.io/?EIO=4`;
  const bystander = await JsClient.open(t, 4, replica.url, { transports: ['websocket'] });
  const isServed = async () => {
    assert.deepEqual(await bystander.ask('message-with-ack', 1), [1]);
    assert.equal(replica.child.end, undefined);
  };
  const open = async () => {
    const wire = await Wire.open(`${base.replace('http', 'ws')}&transport=websocket`);
    await wire.next();
    return wire;
  };
  const joined = async () => {
    const wire = await open();
    wire.send('40');
    await wire.next();
    await wire.next();
    return wire;
  };
  const handshake = async () => JSON.parse((await exchange('GET', `${base}&transport=polling`)).text.slice(1)).sid;

  await t.test('CVE-2026-33151: a header that announces too many attachments', async () => {
    for (const count of ['11', '100', '999999999', '4294967296', '1e9', '-1', '0', '00000000000000000001']) {
      const wire = await joined();
      wire.send(`45${count}-["message",{"_placeholder":true,"num":0}]`);
      if (count === '00000000000000000001') wire.send(Buffer.from([1]));
      else await wire.ended(3000);
      wire.terminate();
    }
    await isServed();
  });

  await t.test('a binary packet that is never completed, again and again', async () => {
    const before = memoryKb(replica);
    for (let i = 0; i < 20; i++) {
      const wire = await joined();
      wire.send('4510-["message"]');
      for (let k = 0; k < 9; k++) wire.send(Buffer.alloc(100_000));
      wire.terminate();
    }
    await isServed();
    await until('the memory is given back', () => memoryKb(replica) < before + 60_000);
  });

  await t.test('CVE-2023-32695: an event whose name is no text, or of a kind that has none', async () => {
    for (const packet of ['42[{"toString":1}]', '42[["toString"]]', '42[null]', '42[true]', '42[]', '42', '42{"0":"x"}', '42"x"', '45', '451-']) {
      const wire = await joined();
      wire.send(packet);
      await wire.ended(3000);
    }
    await isServed();
  });

  await t.test('CVE-2022-2421: placeholders that name what is not there', async () => {
    for (const num of ['"0"', '-1', '1', '1.5', '"splice"', '"__proto__"', 'null', '{}', '1e9']) {
      const wire = await joined();
      wire.send(`451-["message",{"_placeholder":true,"num":${num}}]`);
      wire.send(Buffer.from([1]));
      await wire.ended(3000);
    }
    await isServed();
  });

  await t.test('CVE-2024-38355: an event named "error", "connect", "disconnect"', async () => {
    const wire = await joined();
    wire.send('42["error"]');
    wire.send('42["message",1]');
    assert.equal(await wire.next(), '42["message-back",1]');
    wire.send('42["disconnect"]');
    await wire.ended(3000);
    await isServed();
  });

  await t.test('CVE-2020-28481: a foreign origin gets no answer that its page may read', async () => {
    const other = await startCluster(t, { args: ['--origins', 'https://good.example'] });
    for (const path of ['/socket.io/?EIO=4&transport=polling', '/socket.io/?EIO=4&transport=websocket']) {
      const answer = await exchange('GET', other.replicas[0].url + path, { headers: { origin: 'https://evil.example' } });
      assert.equal(answer.status, 403);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
    }
    const good = await exchange('GET', `${other.replicas[0].url}/socket.io/?EIO=4&transport=polling`, { headers: { origin: 'https://good.example' } });
    assert.deepEqual([good.status, good.headers['access-control-allow-origin'], good.headers.vary],
      [200, 'https://good.example', 'Origin']);
  });

  await t.test('CVE-2020-36048: huge polling bodies', async () => {
    const before = memoryKb(replica);
    for (let i = 0; i < 10; i++) {
      const sid = await handshake();
      const answer = await exchange('POST', `${base}&transport=polling&sid=${sid}`, { body: Buffer.alloc(1_000_001, '4') }).catch((error) => error);
      assert.ok(answer instanceof Error || answer.status === 413, `${answer.status}`);
      const after = await exchange('POST', `${base}&transport=polling&sid=${sid}`, { body: '40' });
      assert.deepEqual([after.status, after.text], [200, 'ok'], 'the connection lives');
    }
    await isServed();
    assert.ok(memoryKb(replica) < before + 60_000);
  });

  await t.test('CVE-2020-36048: a body of empty packets, of separators, of tiny packets', async () => {
    for (const body of ['\x1e'.repeat(500_000), '4\x1e'.repeat(300_000), '2\x1e'.repeat(400_000), '0:'.repeat(400_000), '1:4'.repeat(300_000)]) {
      for (const version of [3, 4]) {
        const url = `${replica.url}/socket.io/?EIO=${version}&transport=polling`;
        const { text } = await exchange('GET', url);
        const sid = /"sid":"([\w-]+)"/.exec(text)[1];
        const answer = await exchange('POST', `${url}&sid=${sid}`, { body });
        assert.equal(answer.status, 200);
        await until('it is closed', async () => (await exchange('GET', `${url}&sid=${sid}`)).status === 400);
      }
    }
    await isServed();
  });

  await t.test('CVE-2022-21676, CVE-2022-41940: an upgrade request that is broken off, or malformed', async () => {
    const rows = [
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n',
      'GET /socket.io/?EIO=4&transport=websocket&sid=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
    ];
    for (const row of rows) {
      for (const isCut of [false, true]) {
        const raw = await Raw.connect(replica.port);
        raw.write(row);
        if (isCut) raw.socket.resetAndDestroy();
        else assert.match(await raw.has('\r\n\r\n').then(() => raw.received), /^HTTP\/1\.1 4\d\d /);
        raw.close();
      }
    }
    await isServed();
  });

  await t.test('CVE-2023-31125: an upgrade whose sid is odd', async () => {
    for (const sid of ['__proto__', 'constructor', '', '%00', 'a', 'a'.repeat(5000), '../../../../etc', 'aaaaaaaaaaaaaaaaaaa%0a', 'éééééééééé']) {
      const query = `&transport=websocket&sid=${encodeURIComponent(sid)}`;
      const ws = new WebSocket(base.replace('http', 'ws') + query);
      ws.on('error', () => {});
      await until(`an answer for ${sid}`, () => ws.readyState !== WebSocket.CONNECTING);
      if (sid !== '') assert.notEqual(ws.readyState, WebSocket.OPEN, sid);
      ws.terminate();
      const answer = await exchange('GET', `${base}&transport=polling&sid=${encodeURIComponent(sid)}`);
      assert.equal(answer.status, sid === '' ? 200 : 400, sid);
    }
    await isServed();
  });

  await t.test('CVE-2024-37890 (ws): a handshake with more headers than anybody needs', async () => {
    const raw = await Raw.connect(replica.port);
    raw.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 2000 }, (_, i) => `x${i}: 1\r\n`).join('')}`);
    raw.write('Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    await raw.has('HTTP/1.1 4');
    raw.close();
    await isServed();
  });

  await t.test('tiny fragments of one message', async () => {
    const raw = await Raw.upgrade(replica.port, '/socket.io/?EIO=4&transport=websocket');
    const before = memoryKb(replica);
    const frame = (first, text) => {
      const bytes = Buffer.from(text);
      return Buffer.concat([Buffer.from([first, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]).toString('latin1');
    };
    raw.write(frame(0x01, '4'));
    raw.write(frame(0x00, '').repeat(200_000));
    raw.write(frame(0x00, 'a').repeat(100_000));
    raw.write(frame(0x80, ''));
    await raw.ended(20000);
    await isServed();
    assert.ok(memoryKb(replica) < before + 60_000);
  });

  await t.test('a JSON text that is nested beyond reason', async () => {
    const wire = await joined();
    wire.send(`42["message",${'['.repeat(100_000)}${']'.repeat(100_000)}]`);
    await wire.ended(3000);
    await isServed();
  });

  await t.test('a header that would split the answer', async () => {
    const raw = await Raw.connect(replica.port);
    raw.write('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nOrigin: https://a\x01b\r\n\r\n');
    const answer = await raw.answer();
    assert.equal(answer.status, 400);
    assert.ok(!answer.headers.includes('\x01'));
    raw.close();
    const jsonp = await exchange('GET', `${base}&transport=polling&j=alert(1)`);
    assert.ok(!jsonp.text.includes('alert'), jsonp.text);
    await isServed();
  });

  await t.test('a flood of connections to namespaces', async () => {
    const wire = await open();
    for (let i = 0; i < 2000; i++) wire.send(`40/random-${i},`);
    await until('refused, or ended', () => wire.closed || wire.got.length > 1000);
    wire.terminate();
    await isServed();
  });
});
