// SPDX-License-Identifier: MIT
// What is legal but unusual, and what is refused, in all three dialects: identifiers, realms, nesting, and
// the head of every refusal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { botMessage, http, modMessage, relayBot, relayMod, Socket } from './lib/clients.js';
import { startCluster } from './lib/signalbox.js';
import { until } from './lib/process.js';

/** Legal identifiers that a careless key or a careless escape would confuse with each other. */
const IDS = [
  'a:b', 'a%3Ab', 'a%3ab', '{a}', '}', 'a b', 'a  b', '"', '\\', '\\u0061', "'", '<b>&amp;', '../x', '*', '[a-z]', '0', '00', '-1', 'null', '$1',
  'é', 'e\u0301', 'ß', '\u00a0x', '\u2028', '\u200b', '\u202eabc', '\ufeff', '\uffff', '\u{10ffff}', '👩‍👩‍👧', '日本語', 'x'.repeat(128), '€'.repeat(42) + 'xx',
];
const DEEP = `${'['.repeat(64)}${']'.repeat(64)}`;

/** UTF-8 as fetch sends it in a header: byte by byte. */
const inHeader = (id) => Buffer.from(id).toString('latin1');
const bearer = (token) => ({ authorization: `Bearer ${token}` });

test('edges', async (t) => {
  const cluster = await startCluster(t, {
    count: 2, args: ['--auth-failures', '0', '--rate-limit', '0', '--offline-ttl', '60s', '--job-ttl', '1s'],
  });
  const [one, two] = cluster.replicas;
  const server = await cluster.token('server', 'backend');
  const key = await cluster.token('universe', 'u');
  const poll = (at, universe, secret, job, { query = '', headers = {} } = {}) =>
    http('GET', `${at.url}/api/v1/commands${query}`, {
      headers: { 'x-universe-id': universe, 'x-api-key': secret, 'x-job-id': inHeader(job), ...headers },
    });
  const enqueue = (at, body, token = server) => http('POST', `${at.url}/api/v1/commands`, { headers: bearer(token), body });
  const post = (at, path, body, token = server) => http('POST', at.url + path, { headers: bearer(token), body });

  await t.test('mailbox: any legal id is itself and no other', async () => {
    const list = await enqueue(one, { jobIds: IDS, payload: 0 });
    assert.deepEqual(list.json.results, IDS.map((jobId) => ({ jobId, status: 'queued' })));
    for (const id of IDS) await enqueue(one, { jobId: id, payload: id });
    for (const id of IDS) assert.deepEqual((await poll(two, 'u', key, id)).json, [0, id], id);
    const found = await http('GET', `${one.url}/api/v1/jobs/${encodeURIComponent(IDS.at(-1))}`, { headers: bearer(server) });
    assert.equal(found.json.jobId, IDS.at(-1));
  });

  await t.test('push: any legal id is itself and no other', async () => {
    for (const id of IDS) assert.equal((await post(one, '/publish', { player_id: id, event: id, payload: id })).status, 200, id);
    for (const id of IDS.filter((id) => !id.startsWith('-'))) {
      const socket = await Socket.open(`${two.wsUrl}/ws?token=${await cluster.token('player', id)}`);
      assert.deepEqual(await socket.nextJson(), { event: id, payload: id });
      assert.equal(socket.received.length, 1, id);
      await socket.close();
    }
  });

  await t.test('push: the largest numbers are players', async () => {
    for (const id of ['9223372036854775807', '-9223372036854775808', '4294967295', '0']) {
      assert.equal((await post(one, '/publish', `{"player_id":${id},"event":"e","id":"once"}`)).headers.get('x-delivery'), 'queued', id);
      assert.equal((await post(two, '/publish', `{"player_id":"${id}","event":"e","id":"once"}`)).headers.get('x-delivery'), 'duplicate', id);
    }
  });

  await t.test('relay: any legal id is itself and no other', async () => {
    const relay = await cluster.token('relay', 'ids', '--realm', 'ids');
    const bot = await relayBot(one.wsUrl, relay);
    for (const id of IDS) {
      const mod = await relayMod(two.wsUrl, relay, id, id);
      mod.send(modMessage('m', id, id));
      assert.equal((await mod.nextJson()).status, 'completed', id);
      assert.equal((await bot.nextJson()).channel_id, id);
      bot.send(botMessage('b', id));
      assert.equal((await bot.nextJson()).status, 'completed', id);
      assert.equal((await mod.nextJson()).channel_id, id);
      await mod.close();
    }
    await bot.close();
  });

  await t.test('payloads of 64 levels pass, byte for byte', async () => {
    assert.equal((await enqueue(one, `{"jobId":"deep","payload":${DEEP}}`)).status, 202);
    assert.equal((await poll(two, 'u', key, 'deep')).text, `[${DEEP}]`);
    const socket = await Socket.open(`${two.wsUrl}/ws?token=${await cluster.token('player', 'deep')}`);
    await post(one, '/publish', `{"player_id":"deep","event":"e","payload":${DEEP}}`);
    await post(one, '/publish', `[{"player_id":"deep","event":"e","payload":${DEEP}}]`);
    await post(one, '/broadcast', `{"event":"e","payload":${DEEP}}`);
    for (let i = 0; i < 3; i++) assert.equal(await socket.next(), `{"event":"e","payload":${DEEP}}`);
    await socket.close();
    const relay = await cluster.token('relay', 'deep', '--realm', 'deep');
    const bot = await relayBot(one.wsUrl, relay);
    const mod = await relayMod(two.wsUrl, relay, 's', 'c');
    const meta = `{"a":${'['.repeat(63)}${']'.repeat(63)}}`;
    mod.send(`{"msg_id":"m","id":"s","destination":{"channel_id":"c"},"author":{"id":"a"},"content":"x","meta":${meta}}`);
    assert.ok((await bot.next()).includes(`"meta":${meta}`));
    await Promise.all([bot.close(), mod.close()]);
  });

  await t.test('of members that stand twice the last counts', async () => {
    const answer = await enqueue(one, '{"jobId":"no","jobId":"twice","payload":1,"payload":2,"ttl":0,"ttl":5}');
    assert.equal(answer.text, '{"results":[{"jobId":"twice","status":"queued"}]}');
    assert.equal((await poll(two, 'u', key, 'twice')).text, '[2]');
    const socket = await Socket.open(`${two.wsUrl}/ws?token=${await cluster.token('player', 'twice')}`);
    await post(one, '/publish', '{"event":"no","event":"e","payload":1,"payload":2,"player_id":"no","player_id":"twice"}');
    assert.equal(await socket.next(), '{"event":"e","payload":2}');
    await socket.close();
  });

  await t.test('mailbox: realms do not meet', async () => {
    const otherKey = await cluster.token('universe', 'u', '--realm', 'other');
    const otherServer = await cluster.token('server', 'backend', '--realm', 'other');
    assert.notEqual(otherKey, key);
    await enqueue(one, { jobId: 'shared', payload: 'mine' });
    await enqueue(one, { jobId: 'shared', payload: 'theirs' }, otherServer);
    assert.equal((await poll(two, 'u', key, 'shared')).text, '["mine"]');
    assert.equal((await poll(one, 'u', otherKey, 'shared')).text, '["theirs"]');
    await poll(one, 'u', key, 'only-mine');
    const path = '/api/v1/jobs/only-mine';
    assert.equal((await http('GET', one.url + path, { headers: bearer(server) })).status, 200);
    assert.equal((await http('GET', one.url + path, { headers: bearer(otherServer) })).status, 404);
    const all = await http('GET', `${one.url}/api/v1/jobs?universe=u`, { headers: bearer(otherServer) });
    assert.deepEqual(all.json.jobs.map((job) => job.jobId), ['shared']);
    assert.deepEqual((await enqueue(one, { universe: 'u', payload: 1 }, otherServer)).json.results, [{ jobId: 'shared', status: 'live' }]);
  });

  await t.test('push: realms do not meet', async () => {
    const otherServer = await cluster.token('server', 'backend', '--realm', 'other');
    const mine = await Socket.open(`${one.wsUrl}/ws?token=${await cluster.token('player', 'p')}`);
    const theirs = await Socket.open(`${one.wsUrl}/ws?token=${await cluster.token('player', 'p', '--realm', 'other')}`);
    await post(two, '/publish', { player_id: 'p', event: 'mine' });
    await post(two, '/broadcast', { event: 'all of mine' });
    await post(two, '/publish', { player_id: 'p', event: 'theirs' }, otherServer);
    await post(two, '/broadcast', { event: 'all of theirs' }, otherServer);
    const events = async (socket) => [(await socket.nextJson()).event, (await socket.nextJson()).event].sort();
    assert.deepEqual(await events(mine), ['all of mine', 'mine']);
    assert.deepEqual(await events(theirs), ['all of theirs', 'theirs']);
    for (const socket of [mine, theirs]) {
      assert.equal(socket.received.length, 2);
      await socket.close();
    }
  });

  await t.test('relay: realms do not meet', async () => {
    const keys = await Promise.all(['here', 'there'].map((realm) => cluster.token('relay', 'x', '--realm', realm)));
    const bots = await Promise.all(keys.map((relay) => relayBot(one.wsUrl, relay)));
    const mods = await Promise.all(keys.map((relay) => relayMod(two.wsUrl, relay, 's', 'c')));
    for (const [i, mod] of mods.entries()) {
      mod.send(modMessage(`mod ${i}`, 's', 'c'));
      assert.equal((await mod.nextJson()).status, 'completed');
      assert.equal((await bots[i].nextJson()).msg_id, `mod ${i}`);
      bots[i].send(botMessage(`bot ${i}`, 'c'));
      assert.equal((await bots[i].nextJson()).status, 'completed');
      assert.equal((await mod.nextJson()).msg_id, `bot ${i}`);
    }
    for (const socket of [...bots, ...mods]) {
      assert.equal(socket.received.length, 3);
      await socket.close();
    }
  });

  await t.test('HEAD takes nothing', async () => {
    await enqueue(one, { jobId: 'head', payload: 1 });
    const head = await fetch(`${one.url}/api/v1/commands`, {
      method: 'HEAD', headers: { 'x-universe-id': 'u', 'x-api-key': key, 'x-job-id': 'head' },
    });
    assert.deepEqual([head.status, head.headers.get('allow')], [405, 'POST, GET, OPTIONS']);
    assert.equal((await http('GET', `${one.url}/api/v1/jobs/head`, { headers: bearer(server) })).status, 404);
    assert.equal((await poll(one, 'u', key, 'head')).text, '[1]');
  });

  await t.test('a heartbeat lives while its poll is held, and not long after the client has gone', async () => {
    const find = async () => (await http('GET', `${two.url}/api/v1/jobs/held`, { headers: bearer(server) })).status;
    const leaving = new AbortController();
    const held = fetch(`${one.url}/api/v1/commands?wait=20`, {
      headers: { 'x-universe-id': 'u', 'x-api-key': key, 'x-job-id': 'held' }, signal: leaving.signal,
    }).catch(() => null);
    await until('it is held', async () => (await find()) === 200);
    const end = Date.now() + 2500; // more than two heartbeats
    await until('that is over', async () => {
      assert.equal(await find(), 200);
      return Date.now() > end;
    });
    leaving.abort();
    await held;
    await until('the heartbeat ends', async () => (await find()) === 404, 3000);
  });

  await t.test('a bearer scheme has no case; the token has', async () => {
    const send = (authorization) => http('POST', `${one.url}/broadcast`, { headers: { authorization }, body: { event: 'e' } });
    assert.equal((await send(`bearer ${server}`)).status, 200);
    assert.equal((await send(`BEARER   ${server}`)).status, 200);
    assert.equal((await send(`Bearer ${server.toUpperCase()}`)).status, server === server.toUpperCase() ? 200 : 403);
  });
});

test('the heads of refusals', async (t) => {
  const cluster = await startCluster(t, {
    args: ['--auth-failures', '0', '--rate-limit', '3', '--rate-period', '1h', '--max-conns', '1', '--origins', 'https://game.example'],
  });
  const [node] = cluster.replicas;
  const secrets = {
    server: await cluster.token('server', 's'), player: await cluster.token('player', 'p'), fresh: await cluster.token('player', 'q'),
    key: await cluster.token('universe', 'u'), relay: await cluster.token('relay', 'r'),
  };
  const identity = { 'x-universe-id': 'u', 'x-api-key': secrets.key, 'x-job-id': 'j' };
  const plain = 'text/plain; charset=utf-8';
  const json = 'application/json';
  const ask = async (method, path, headers, body) => {
    const answer = await http(method, node.url + path, { headers, body });
    assert.equal(answer.headers.get('www-authenticate'), null, path);
    return [answer.status, answer.headers.get('content-type'), answer.headers.get('retry-after'), answer.text];
  };
  const upgrade = async (path, origin) => {
    const refused = await Socket.refused(node.wsUrl + path, { origin });
    assert.equal(refused.headers['www-authenticate'], undefined, path);
    return [refused.status, refused.headers['content-type'], refused.headers['retry-after'] ?? null, refused.body];
  };
  const game = 'https://game.example';
  const invalid = '{"message":"Invalid or missing API key.","code":401}';

  await t.test('who is not let in', async () => {
    const rows = [
      ['a poll without identity', await ask('GET', '/api/v1/commands'), [401, json, null, '{"error":"Missing identity headers."}']],
      ['a poll with a wrong key', await ask('GET', '/api/v1/commands', { ...identity, 'x-api-key': 'no' }), [403, json, null, '{"error":"Invalid credentials."}']],
      ['an enqueue by nobody', await ask('POST', '/api/v1/commands', {}, '{}'), [401, json, null, '{"error":"Missing credentials."}']],
      ['jobs for nobody', await ask('GET', '/api/v1/jobs/j'), [401, json, null, '{"error":"Missing credentials."}']],
      ['a publish by nobody', await ask('POST', '/publish', {}, '{}'), [401, plain, null, 'missing token\n']],
      ['a broadcast by a player', await ask('POST', '/broadcast', bearer(secrets.player), '{}'), [403, plain, null, 'invalid server token\n']],
      ['a relay client without key', await upgrade('/sync'), [401, json, null, invalid]],
      ['a relay client with a server token', await upgrade(`/sync?api_key=${secrets.server}`), [401, json, null, invalid]],
      ['a plain request with a wrong key', await ask('GET', '/sync?api_key=no'), [401, json, null, invalid]],
      ['a player without token', await upgrade('/ws', game), [401, plain, null, 'missing token\n']],
      ['a player without token, of nowhere', await upgrade('/ws'), [401, plain, null, 'missing token\n']],
      ['a player with a wrong token, of nowhere', await upgrade('/ws?token=no'), [401, plain, null, 'invalid token\n']],
      ['a player of elsewhere', await upgrade(`/ws?token=${secrets.player}`, 'https://evil.example'), [403, plain, null, 'origin not allowed\n']],
      ['a player of nowhere', await upgrade(`/ws?token=${secrets.player}`), [403, plain, null, 'origin not allowed\n']],
      ['an origin in another case', await upgrade(`/ws?token=${secrets.player}`, 'https://Game.example'), [403, plain, null, 'origin not allowed\n']],
    ];
    for (const [name, got, want] of rows) assert.deepEqual(got, want, name);
  });

  await t.test('players: too many comes before the wrong origin', async () => {
    const socket = await until('a place', () => Socket.open(`${node.wsUrl}/ws?token=${secrets.player}`, { origin: game }).catch(() => null));
    assert.deepEqual(await upgrade(`/ws?token=${secrets.player}`, 'https://evil.example'), [429, plain, null, 'too many connections\n']);
    assert.deepEqual(await upgrade(`/ws?token=${secrets.player}`, game), [429, plain, null, 'too many connections\n']);
    await socket.close();
    assert.equal((await node.metrics())['signalbox_limit_total{limit="player_connections"}'], 2);
  });

  await t.test('servers: the rate comes before the body, and counts what is wrong', async () => {
    for (let i = 0; i < 3; i++) assert.deepEqual(await ask('POST', '/publish', bearer(secrets.server), 'x'), [400, plain, null, 'bad request\n']);
    const [status, type, after, text] = await ask('POST', '/publish', bearer(secrets.server), 'x');
    assert.deepEqual([status, type, text], [429, plain, 'rate limit\n']);
    assert.ok(Number(after) >= 1 && Number(after) <= 1200, after);
    assert.equal((await ask('POST', '/broadcast', bearer(secrets.server), { event: 'e' }))[0], 429);
    assert.deepEqual(await ask('POST', '/publish', bearer('no'), 'x'), [403, plain, null, 'invalid server token\n']);
    assert.equal((await node.metrics())['signalbox_limit_total{limit="rate"}'], 2);
  });

  await t.test('without Redis it is 503 with Retry-After everywhere', async () => {
    assert.deepEqual(await ask('GET', '/api/v1/commands', identity), [200, json, null, '[]']);
    await cluster.redis.kill();
    await until('the link is known to be down', async () => (await node.status('/readyz')) === 503);
    const unavailable = { error: 'The store is unavailable.' }, unknown = { error: 'Authentication is unavailable.' };
    const rows = [
      ['a new universe', await ask('GET', '/api/v1/commands', { ...identity, 'x-universe-id': 'new' }), [503, json, '1', JSON.stringify(unknown)]],
      ['a new server', await ask('POST', '/publish', bearer('new'), { player_id: 'p', event: 'e' }), [503, plain, '1', 'unavailable\n']],
      ['a new player', await upgrade(`/ws?token=${secrets.fresh}`, game), [503, plain, '1', 'unavailable\n']],
      ['a new relay client', await upgrade(`/sync?api_key=${secrets.relay}`), [503, json, '1', '{"message":"Try again later.","code":503}']],
    ];
    for (const [name, got, want] of rows) assert.deepEqual(got, want, name);
    const [status, type, after, text] = await ask('GET', '/api/v1/commands', identity);
    assert.deepEqual([status, type, after], [503, json, '1']);
    assert.ok([JSON.stringify(unavailable), JSON.stringify(unknown)].includes(text), text);
    await cluster.redis.restart();
    await node.untilReady();
    assert.deepEqual(await ask('GET', '/api/v1/commands', identity), [200, json, null, '[]']);
  });
});

test('secrets stay secret', async (t) => {
  const cluster = await startCluster(t, { count: 2, args: ['--auth-failures', '0', '--log-level', 'debug'] });
  const [one, two] = cluster.replicas;
  const subjects = { universe: 'u', server: 's', player: 'p', relay: 'r' };
  const secrets = {};
  for (const [kind, subject] of Object.entries(subjects)) secrets[kind] = await cluster.token(kind, subject);
  const guess = 'a-guess-that-is-wrong';
  const poll = (at, key) => http('GET', `${at.url}/api/v1/commands`, { headers: { 'x-universe-id': 'u', 'x-api-key': key, 'x-job-id': 'j' } });
  const publish = (at, token) => http('POST', `${at.url}/publish`, { headers: bearer(token), body: { player_id: 'p', event: 'e', payload: 'a payload' } });

  await t.test('they do not get into the log', async () => {
    assert.equal((await poll(one, secrets.universe)).status, 200);
    assert.equal((await poll(one, guess)).status, 403);
    assert.equal((await publish(one, guess)).status, 403);
    const player = await Socket.open(`${one.wsUrl}/ws?token=${secrets.player}`);
    assert.equal((await publish(one, secrets.server)).status, 200);
    await player.next();
    assert.equal((await Socket.refused(`${one.wsUrl}/ws?token=${guess}`)).status, 401);
    assert.equal((await Socket.refused(`${one.wsUrl}/sync?api_key=${guess}`)).status, 401);
    const mod = await relayMod(one.wsUrl, secrets.relay, 's', 'c');
    mod.send(modMessage('m', 's', 'c', 'a content'));
    await mod.next();
    await Promise.all([player.close(), mod.close()]);
    await until('the warning is logged', () => /mailbox\.refused.*universe="?u"?/.test(one.child.output));
    for (const text of [...Object.values(secrets), guess, 'a payload', 'a content']) assert.ok(!one.child.output.includes(text), text);
  });

  await t.test('a revoked one stops working on every replica within a second, cached or not', async () => {
    for (const at of [one, two]) {
      assert.equal((await poll(at, secrets.universe)).status, 200);
      assert.equal((await publish(at, secrets.server)).status, 200);
    }
    await Promise.all([cluster.revoke('universe', 'u'), cluster.revoke('server', 's')]);
    const before = Date.now();
    for (const at of [one, two]) {
      await until('the universe is refused', async () => (await poll(at, secrets.universe)).status === 403);
      await until('the server is refused', async () => (await publish(at, secrets.server)).status === 403);
    }
    assert.ok(Date.now() - before < 1000, `${Date.now() - before} ms`);
  });
});
