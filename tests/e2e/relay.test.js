// SPDX-License-Identifier: MIT
// The relay over three replicas: mods and bots with npm ws, each on a replica of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { botMessage, modMessage, relayBot, relayClient, relayMod, Socket } from './lib/clients.js';
import { startCluster } from './lib/signalbox.js';
import { until } from './lib/process.js';

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
let realms = 0;

test('relay', async (t) => {
  const cluster = await startCluster(t, {
    count: 3, balancer: true, args: ['--auth-failures', '0', '--relay-handshake', '1s', '--reconnect-grace', '1s'],
  });
  const urls = cluster.replicas.map((replica) => replica.wsUrl);
  const [a, b, c] = urls;
  // each part has a realm of its own, so that its bot is alone
  const realm = async () => {
    const name = `realm-${++realms}`;
    return cluster.token('relay', name, '--realm', name);
  };

  await t.test('a missing or wrong key is refused before the upgrade', async () => {
    for (const path of ['/sync', '/sync?api_key=', '/sync?api_key=wrong']) {
      const refused = await Socket.refused(cluster.balancer.wsUrl + path);
      assert.deepEqual([refused.status, refused.body], [401, '{"message":"Invalid or missing API key.","code":401}'], path);
    }
    const key = await realm();
    await (await Socket.open(`${a}/sync`, { headers: { 'X-API-Key': key } })).close();
    const refused = await Socket.refused(`${a}/sync?api_key=wrong`, { headers: { 'X-API-Key': key } });
    assert.equal(refused.status, 401, 'the query wins');
  });

  await t.test('handshakes', async () => {
    const key = await realm();
    const rows = [
      ['not JSON', 'nonsense', 'Malformed handshake.'],
      ['an array', '[]', 'Malformed handshake.'],
      ['no type', '{"data":{}}', 'Malformed handshake.'],
      ['a type that is no string', '{"type":1,"data":{}}', 'Malformed handshake.'],
      ['no data', '{"type":"mod"}', 'Malformed handshake.'],
      ['data that is no object', '{"type":"mod","data":[]}', 'Malformed handshake.'],
      ['another type', '{"type":"cat","data":{}}', 'Unknown handshake.'],
      ['a mod without channel', '{"type":"mod","data":{"server_id":"s"}}', 'Malformed mod handshake.'],
      ['a mod with an empty server', '{"type":"mod","data":{"server_id":"","channel_id":"c"}}', 'Malformed mod handshake.'],
      ['a mod with a number', '{"type":"mod","data":{"server_id":1,"channel_id":"c"}}', 'Malformed mod handshake.'],
      ['a bot without id', '{"type":"bot","data":{}}', 'Malformed bot handshake.'],
      ['a bot with no channels', '{"type":"bot","data":{"bot_id":"b","channels":[]}}', 'Malformed bot handshake.'],
      ['a bot with an empty channel', '{"type":"bot","data":{"bot_id":"b","channels":[""]}}', 'Malformed bot handshake.'],
    ];
    for (const [name, handshake, message] of rows) {
      const socket = await Socket.open(`${a}/sync?api_key=${key}`);
      socket.send(handshake);
      assert.equal(await socket.next(), JSON.stringify({ message, code: 400 }), name);
      assert.deepEqual(await socket.ended(), { code: 1000, reason: 'Disconnecting.' }, name);
    }
    const late = await Socket.open(`${a}/sync?api_key=${key}`);
    await late.ended(5000);
  });

  await t.test('mod to bot and back, across replicas', async () => {
    const key = await realm();
    const bot = await relayBot(a, key);
    const mod = await relayMod(b, key, 's1', 'c1');
    mod.send({ ...modMessage(1, 's1', 'c1'), ts: '2026-01-02T03:04:05.6789+02:00', meta: { n: 1 } });
    assert.equal(await mod.next(), '{"status":"completed","type":"mod","msg_id":"1"}');
    const got = await bot.nextJson();
    assert.match(got.received_at, STAMP);
    assert.match(got.forwarded_at, STAMP);
    assert.deepEqual({ ...got, received_at: 0, forwarded_at: 0 }, {
      type: 'mod', msg_id: '1', channel_id: 'c1', author: { id: 'a1', name: 'Ann' }, content: 'text 1',
      meta: { n: 1 }, ts: '2026-01-02T01:04:05.678Z', received_at: 0, forwarded_at: 0,
    });
    bot.send(botMessage(2, 'c1'));
    assert.equal(await bot.next(), '{"status":"completed","type":"bot","msg_id":"2"}');
    const back = await mod.nextJson();
    assert.equal(back.type, 'bot');
    assert.equal(back.content, 'text 2');
    assert.equal(back.channel_id, 'c1');
    await Promise.all([mod.close(), bot.close()]);
  });

  await t.test('meta is passed byte for byte', async () => {
    const key = await realm();
    const bot = await relayBot(a, key);
    const mod = await relayMod(b, key, 's', 'c');
    const meta = '{"big":123456789012345678901234567890,"x":1e400,"x":-0, "n":"\\u0000"}';
    mod.send(`{"msg_id":"m","id":"s","destination":{"channel_id":"c"},"author":{"id":"a"},"content":"x","meta": ${meta} }`);
    assert.ok((await bot.next()).includes(`"meta":${meta}`));
    await Promise.all([mod.close(), bot.close()]);
  });

  await t.test('malformed messages are answered in their place', async () => {
    const key = await realm();
    const mod = await relayMod(a, key, 's', 'c');
    const good = modMessage(1, 's', 'c');
    const bad = [
      'nonsense', '[]', { ...good, msg_id: '' }, { ...good, msg_id: 1 }, { ...good, id: 'other' }, { ...good, content: '' },
      { ...good, author: {} }, { ...good, author: 'x' }, { ...good, destination: { channel_id: 'other' } },
      { ...good, destination: undefined }, { ...good, ts: 'yesterday' }, { ...good, meta: [] },
    ];
    for (const message of bad) mod.send(message);
    mod.send({ ...good, meta: null });
    for (const message of bad) {
      assert.equal(await mod.next(), '{"message":"Malformed message.","code":400}', JSON.stringify(message));
    }
    assert.equal((await mod.nextJson()).status, 'queued');
    await mod.close();
  });

  await t.test('queues hold the newest eight and are flushed in order', async () => {
    const key = await realm();
    const mods = await Promise.all(['c1', 'c2'].map((channel, i) => relayMod(urls[i], key, 's', channel)));
    for (let i = 0; i < 10; i++) {
      for (const [j, mod] of mods.entries()) {
        mod.send(modMessage(i, 's', `c${j + 1}`));
        assert.equal((await mod.nextJson()).status, 'queued');
      }
    }
    const bot = await relayBot(c, key);
    const got = { c1: [], c2: [] };
    for (let i = 0; i < 16; i++) {
      const message = await bot.nextJson();
      got[message.channel_id].push(Number(message.msg_id));
    }
    assert.deepEqual(got, { c1: [2, 3, 4, 5, 6, 7, 8, 9], c2: [2, 3, 4, 5, 6, 7, 8, 9] });
    for (let i = 0; i < 10; i++) {
      bot.send(botMessage(i, 'c3'));
      assert.equal((await bot.nextJson()).status, 'queued');
    }
    const late = await relayMod(a, key, 's', 'c3');
    for (let i = 2; i < 10; i++) assert.equal((await late.nextJson()).msg_id, String(i));
    await Promise.all([...mods, bot, late].map((socket) => socket.close()));
  });

  await t.test('a burst beyond the cap arrives whole while somebody listens', async () => {
    const key = await realm();
    const bot = await relayBot(a, key);
    const mod = await relayMod(b, key, 's', 'c');
    for (let i = 0; i < 500; i++) mod.send(modMessage(i, 's', 'c'));
    for (let i = 0; i < 500; i++) assert.equal((await bot.nextJson()).msg_id, String(i));
    for (let i = 0; i < 500; i++) assert.deepEqual(await mod.nextJson(), { status: 'completed', type: 'mod', msg_id: String(i) });
    await Promise.all([mod.close(), bot.close()]);
  });

  await t.test('one bot in a realm, over all replicas', async () => {
    const key = await realm();
    const bot = await relayBot(a, key);
    for (const url of urls) {
      const second = await Socket.open(`${url}/sync?api_key=${key}`);
      second.send({ type: 'bot', data: { bot_id: 'other' } });
      assert.equal(await second.next(), '{"message":"Bot already connected.","code":409}');
      assert.deepEqual(await second.ended(), { code: 1000, reason: 'Disconnecting.' });
    }
    await bot.close();
    const next = await relayBot(b, key, 'next');
    await next.close();
    const other = await realm();
    const pair = [await relayBot(a, other), await relayBot(a, await realm())];
    await Promise.all(pair.map((socket) => socket.close()));
  });

  await t.test('bots with disjoint channels share a realm', async () => {
    const key = await realm();
    const one = await relayBot(a, key, 'one', ['c1']);
    const rest = await relayBot(b, key, 'rest');
    const clash = await Socket.open(`${c}/sync?api_key=${key}`);
    clash.send({ type: 'bot', data: { bot_id: 'x', channels: ['c9', 'c1'] } });
    assert.equal((await clash.nextJson()).code, 409);
    const mod1 = await relayMod(c, key, 's', 'c1');
    const mod2 = await relayMod(c, key, 's', 'c2');
    mod1.send(modMessage(1, 's', 'c1'));
    mod2.send(modMessage(2, 's', 'c2'));
    assert.equal((await mod1.nextJson()).status, 'completed');
    assert.equal((await mod2.nextJson()).status, 'completed');
    assert.equal((await one.nextJson()).msg_id, '1');
    assert.equal((await rest.nextJson()).msg_id, '2');
    one.send(botMessage(3, 'c2'));
    assert.equal(await one.next(), '{"message":"Malformed message.","code":400}');
    await one.close();
    // the one that serves the rest takes the channel over
    await until('the rest bot serves c1', async () => {
      mod1.send(modMessage(4, 's', 'c1'));
      return (await mod1.nextJson()).status === 'completed';
    });
    assert.equal((await rest.nextJson()).channel_id, 'c1');
    await Promise.all([rest, mod1, mod2].map((socket) => socket.close()));
  });

  await t.test('several mods of a channel all hear the bot; the same server id replaces', async () => {
    const key = await realm();
    const bot = await relayBot(a, key);
    const one = await relayMod(a, key, 's1', 'c');
    const two = await relayMod(b, key, 's2', 'c');
    bot.send(botMessage(1, 'c'));
    assert.equal((await one.nextJson()).msg_id, '1');
    assert.equal((await two.nextJson()).msg_id, '1');
    const newer = await relayMod(c, key, 's1', 'c');
    assert.equal((await one.ended()).code, 1000);
    bot.send(botMessage(2, 'c'));
    assert.equal((await newer.nextJson()).msg_id, '2');
    assert.equal((await two.nextJson()).msg_id, '2');
    await Promise.all([bot, two, newer].map((socket) => socket.close()));
  });

  await t.test('a bot that breaks off keeps everything within the grace, on any replica', async () => {
    const key = await realm();
    const bot = await relayBot(a, key);
    const mod = await relayMod(b, key, 's', 'c');
    mod.send(modMessage('first', 's', 'c'));
    await bot.next();
    await bot.breakOff();
    await mod.next();
    for (let i = 0; i < 30; i++) mod.send(modMessage(i, 's', 'c'));
    for (let i = 0; i < 30; i++) await mod.next();
    const back = await relayBot(c, key);
    for (let i = 0; i < 30; i++) assert.equal((await back.nextJson()).msg_id, String(i));
    await Promise.all([mod.close(), back.close()]);
  });

  await t.test('a mod whose node is killed misses nothing, whatever other mods were delivered', async () => {
    const key = await realm();
    const bot = await relayBot(a, key);
    const [one, two] = [await relayMod(b, key, 's1', 'c'), await relayMod(c, key, 's2', 'c')];
    bot.send(botMessage('before', 'c'));
    for (const mod of [one, two]) assert.equal((await mod.nextJson()).msg_id, 'before');
    await bot.next();
    await two.breakOff();
    for (let i = 0; i < 20; i++) bot.send(botMessage(i, 'c'));
    for (let i = 0; i < 20; i++) assert.equal((await one.nextJson()).msg_id, String(i));
    const back = await relayMod(a, key, 's2', 'c');
    let next = await back.nextJson();
    if (next.msg_id === 'before') next = await back.nextJson(); // it may come twice
    for (let i = 0; i < 20; i++) {
      assert.equal(next.msg_id, String(i));
      if (i < 19) next = await back.nextJson();
    }
    const stranger = await relayMod(b, key, 's3', 'c');
    bot.send(botMessage('after', 'c'));
    assert.equal((await stranger.nextJson()).msg_id, 'after', 'who was never here has missed nothing');
    await Promise.all([bot, one, back, stranger].map((socket) => socket.close()));
  });

  await t.test('a revoked key closes its connections', async () => {
    const key = await cluster.token('relay', 'mortal', '--realm', 'mortal');
    const sockets = [await relayMod(a, key, 's', 'c'), await relayBot(b, key), await Socket.open(`${c}/sync?api_key=${key}`)];
    const before = Date.now();
    await cluster.revoke('relay', 'mortal', '--realm', 'mortal');
    for (const socket of sockets) assert.deepEqual(await socket.ended(), { code: 1008, reason: 'key revoked' });
    assert.ok(Date.now() - before < 3000);
    assert.equal((await Socket.refused(`${a}/sync?api_key=${key}`)).status, 401);
  });

  await t.test('a message that is too large closes with 1009', async () => {
    const key = await realm();
    const mod = await relayMod(a, key, 's', 'c');
    mod.send(modMessage(1, 's', 'c', 'x'.repeat(2_000_000)));
    assert.equal((await mod.nextJson()).status, 'queued');
    mod.send(modMessage(1, 's', 'c', 'x'.repeat(2_097_152)));
    assert.equal((await mod.ended()).code, 1009);
  });

  await t.test('a killed node frees its bot within ten seconds', async () => {
    const key = await realm();
    await relayBot(c, key);
    await cluster.replicas[2].kill();
    const before = Date.now();
    const back = await until('the bot comes back', () => relayClient(a, key, 'bot', { bot_id: 'bot' }).catch(() => null), 12000);
    assert.ok(Date.now() - before < 10500);
    await back.close();
    await cluster.replicas[2].launch();
  });

  await t.test('without Redis a message fails, and delivery heals', async () => {
    const key = await realm();
    const bot = await relayBot(a, key);
    const mod = await relayMod(b, key, 's', 'c');
    await cluster.redis.kill();
    mod.send(modMessage(1, 's', 'c'));
    assert.deepEqual(await mod.nextJson(), { status: 'failed', type: 'mod', msg_id: '1' });
    await cluster.redis.restart();
    await until('it heals', async () => {
      mod.send(modMessage(2, 's', 'c'));
      return (await mod.nextJson()).status === 'completed';
    });
    assert.equal((await bot.nextJson(15000)).msg_id, '2');
    await Promise.all([mod.close(), bot.close()]);
  });
});
