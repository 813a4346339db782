// SPDX-License-Identifier: MIT
// The mailbox over three replicas behind HAProxy: every row of the protocol, with plain fetch.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from './lib/signalbox.js';
import { http } from './lib/clients.js';
import { until } from './lib/process.js';

const poll = (url, universe, key, job, { query = '', headers = {} } = {}) =>
  http('GET', `${url}/api/v1/commands${query}`, {
    headers: { 'x-universe-id': universe, 'x-api-key': key, 'x-job-id': job, ...headers },
  });
const bearer = (token) => ({ authorization: `Bearer ${token}` });

test('mailbox', async (t) => {
  const cluster = await startCluster(t, { count: 3, balancer: true, args: ['--auth-failures', '0'] });
  const { url } = cluster.balancer;
  const [a, b, c] = cluster.replicas.map((replica) => replica.url);
  const key = await cluster.token('universe', 'u1');
  const key2 = await cluster.token('universe', 'u2');
  const server = await cluster.token('server', 'backend');
  const bound = await cluster.token('server', 'bound', '--universe', 'u1');
  const enqueue = (body, token = server, at = url) =>
    http('POST', `${at}/api/v1/commands`, { headers: bearer(token), body });

  await t.test('identity is checked in the order of the rows', async () => {
    const rows = [
      ['no headers', {}, 401, 'Missing identity headers.'],
      ['no key', { 'x-universe-id': 'u1', 'x-job-id': 'j' }, 401, 'Missing identity headers.'],
      ['an empty job', { 'x-universe-id': 'u1', 'x-api-key': key, 'x-job-id': '' }, 401, 'Missing identity headers.'],
      ['a long job and a wrong key', { 'x-universe-id': 'u1', 'x-api-key': 'no', 'x-job-id': 'j'.repeat(129) }, 400, 'Invalid job id.'],
      ['a wrong key', { 'x-universe-id': 'u1', 'x-api-key': 'no', 'x-job-id': 'j' }, 403, 'Invalid credentials.'],
      ['the key of another universe', { 'x-universe-id': 'u1', 'x-api-key': key2, 'x-job-id': 'j' }, 403, 'Invalid credentials.'],
      ['an unknown universe', { 'x-universe-id': 'u9', 'x-api-key': key, 'x-job-id': 'j' }, 403, 'Invalid credentials.'],
    ];
    for (const [name, headers, status, error] of rows) {
      const answer = await http('GET', `${url}/api/v1/commands`, { headers });
      assert.deepEqual([answer.status, answer.text], [status, JSON.stringify({ error })], name);
    }
  });

  await t.test('commands wait and are handed out once, oldest first, over different replicas', async () => {
    assert.equal((await enqueue({ jobId: 'job-1', payload: { n: 1 } }, server, a)).text,
      '{"results":[{"jobId":"job-1","status":"queued"}]}');
    await enqueue({ jobId: 'job-1', payload: { n: 2 } }, server, b);
    const first = await poll(c, 'u1', key, 'job-1');
    assert.equal(first.status, 200);
    assert.match(first.headers.get('content-type'), /^application\/json/);
    assert.equal(first.text, '[{"n":1},{"n":2}]');
    assert.equal((await poll(a, 'u1', key, 'job-1')).text, '[]');
    assert.equal((await enqueue({ jobId: 'job-1', payload: 3 })).json.results[0].status, 'live');
  });

  await t.test('payloads are passed byte for byte', async () => {
    const payload = '{"a" : 12345678901234567890123 ,"b":1e400,"c":-0,"a":"\\u0000","d":[ ]}';
    const answer = await http('POST', `${url}/api/v1/commands`, {
      headers: bearer(server), body: `{"jobId":"bytes","payload":  ${payload}  }`,
    });
    assert.equal(answer.status, 202, answer.text);
    assert.equal((await poll(url, 'u1', key, 'bytes')).text, `[${payload}]`);
  });

  await t.test('safe take: what was handed out stays until it is acknowledged', async () => {
    const ack = (n) => poll(url, 'u1', key, 'safe', { headers: { 'x-ack': String(n) } });
    await enqueue({ jobId: 'safe', payload: 1 });
    await enqueue({ jobId: 'safe', payload: 2 });
    const first = await ack(0);
    assert.equal(first.text, '[1,2]');
    const cursor = first.headers.get('x-cursor');
    assert.match(cursor, /^\d+$/);
    assert.equal((await ack(0)).text, '[1,2]');
    for (const wrong of ['-1', 'x', '1.5', String(BigInt(cursor) + 1n)]) {
      const answer = await ack(wrong);
      assert.deepEqual([answer.status, answer.text], [400, '{"error":"Invalid cursor."}'], wrong);
    }
    await enqueue({ jobId: 'safe', payload: 3 });
    const second = await ack(cursor);
    assert.equal(second.text, '[3]');
    assert.equal((await ack(second.headers.get('x-cursor'))).text, '[]');
  });

  await t.test('long poll', async () => {
    for (const wait of ['0', '26', 'x', '', '1.5']) {
      const answer = await poll(url, 'u1', key, 'long', { query: `?wait=${wait}` });
      assert.deepEqual([answer.status, answer.text], [400, '{"error":"Invalid wait."}'], wait);
    }
    const before = Date.now();
    assert.equal((await poll(url, 'u1', key, 'long', { query: '?wait=1' })).text, '[]');
    assert.ok(Date.now() - before >= 950, 'it was held');
    const held = poll(a, 'u1', key, 'long', { query: '?wait=20' });
    await until('the held poll counts', async () =>
      (await fetch(`${a}/metrics`).then((r) => r.text())).includes('signalbox_mailbox_held_polls 1'));
    assert.equal((await enqueue({ jobId: 'long', payload: 'wake' }, server, b)).json.results[0].status, 'live');
    assert.equal((await held).text, '["wake"]');
  });

  await t.test('a held poll ends with 403 when its credential is revoked', async () => {
    const mortal = await cluster.token('universe', 'u3');
    const held = poll(a, 'u3', mortal, 'mortal', { query: '?wait=20' });
    await until('it is held', async () => (await http('GET', `${url}/api/v1/jobs/mortal`, { headers: bearer(server) })).status === 200);
    const before = Date.now();
    await cluster.revoke('universe', 'u3');
    assert.equal((await held).text, '{"error":"Invalid credentials."}');
    assert.ok(Date.now() - before < 3000);
    assert.equal((await poll(b, 'u3', mortal, 'mortal')).status, 403);
  });

  await t.test('a job belongs to the universe that polled it first', async () => {
    assert.equal((await poll(url, 'u1', key, 'mine')).status, 200);
    await enqueue({ jobId: 'mine', payload: 'secret' });
    const other = await poll(url, 'u2', key2, 'mine');
    assert.deepEqual([other.status, other.text], [409, '{"error":"Job belongs to another universe."}']);
    assert.equal((await poll(url, 'u1', key, 'mine')).text, '["secret"]');
  });

  await t.test('what a universe sent is for that universe alone', async () => {
    const own = { 'x-universe-id': 'u1', 'x-api-key': key };
    await http('POST', `${url}/api/v1/commands`, { headers: own, body: { jobId: 'scoped', payload: 'for u1' } });
    await enqueue({ jobId: 'scoped', payload: 'for u1 too' }, bound);
    await enqueue({ jobId: 'scoped', payload: 'for anyone' });
    assert.equal((await poll(url, 'u2', key2, 'scoped')).text, '["for anyone"]');
    const refused = await enqueue({ jobId: 'scoped', payload: 1 }, bound);
    assert.deepEqual([refused.status, refused.text], [403, '{"error":"Job belongs to another universe."}']);
    const list = await enqueue({ jobIds: ['scoped', 'elsewhere'], payload: 1 }, bound);
    assert.deepEqual(list.json.results, [{ jobId: 'scoped', status: 'refused' }, { jobId: 'elsewhere', status: 'queued' }]);
  });

  await t.test('many jobs at once', async () => {
    for (const job of ['m1', 'm2']) await poll(url, 'u2', key2, job);
    const list = await enqueue({ jobIds: ['m1', 'm2', 'm1', 'm3'], payload: 7 });
    assert.deepEqual(list.json.results, [
      { jobId: 'm1', status: 'live' }, { jobId: 'm2', status: 'live' }, { jobId: 'm3', status: 'queued' }]);
    const all = await enqueue({ universe: 'u2', payload: 8 });
    assert.equal(all.status, 202);
    const jobs = all.json.results.map((row) => row.jobId);
    assert.ok(jobs.includes('m1') && jobs.includes('m2') && !jobs.includes('m3'), all.text);
    assert.equal((await poll(url, 'u2', key2, 'm1')).text, '[7,8]');
    assert.equal((await enqueue({ universe: 'u2', payload: 8 }, bound)).status, 403);
  });

  await t.test('the same id is stored once; the cap drops the oldest', async () => {
    for (let i = 0; i < 3; i++) await enqueue({ jobId: 'once', payload: 'x', id: 'c-1' }, server, [a, b, c][i]);
    assert.equal((await poll(url, 'u1', key, 'once')).text, '["x"]');
    for (let i = 0; i < 103; i++) await enqueue({ jobId: 'full', payload: i });
    const waiting = (await poll(url, 'u1', key, 'full')).json;
    assert.deepEqual(waiting, Array.from({ length: 100 }, (_, i) => i + 3));
  });

  await t.test('jobs are listed while their heartbeat lives', async () => {
    await poll(url, 'u1', key, 'seen');
    await enqueue({ jobId: 'seen', payload: 1 });
    const { json } = await http('GET', `${url}/api/v1/jobs/seen`, { headers: bearer(server) });
    assert.ok(Math.abs(json.lastSeen - Date.now()) < 5000);
    assert.deepEqual({ ...json, lastSeen: 0 }, { jobId: 'seen', universeId: 'u1', lastSeen: 0, integrated: true, waiting: 1 });
    const list = await http('GET', `${url}/api/v1/jobs?universe=u1`, { headers: bearer(bound) });
    assert.ok(list.json.jobs.some((job) => job.jobId === 'seen' && job.waiting === 1 && job.universeId === 'u1'), list.text);
    const none = await http('GET', `${url}/api/v1/jobs/never`, { headers: bearer(server) });
    assert.deepEqual([none.status, none.text], [404, '{"error":"No such job."}']);
    await until('the heartbeat ends', async () =>
      (await http('GET', `${url}/api/v1/jobs/seen`, { headers: bearer(server) })).status === 404, 8000);
  });

  await t.test('bad requests change nothing', async () => {
    const rows = [
      [{}, 400], [{ payload: 1 }, 400], [{ jobId: 'x' }, 400], [{ jobId: 1, payload: 1 }, 400],
      [{ jobId: 'x', jobIds: ['y'], payload: 1 }, 400], [{ jobId: 'x', universe: 'u1', payload: 1 }, 400],
      [{ jobIds: [], payload: 1 }, 400], [{ jobIds: Array(1001).fill('x'), payload: 1 }, 400],
      [{ jobId: 'x', payload: 1, ttl: 0 }, 400], [{ jobId: 'x', payload: 1, ttl: 86401 }, 400],
      [{ jobId: 'x', payload: 1, ttl: '5' }, 400], [{ jobId: 'x'.repeat(129), payload: 1 }, 400], ['[]', 400], ['{', 400],
    ];
    for (const [body, status] of rows) {
      const answer = await enqueue(body);
      assert.equal(answer.status, status, `${JSON.stringify(body).slice(0, 80)}: ${answer.text}`);
      assert.equal(typeof answer.json.error, 'string');
    }
    assert.equal((await http('POST', `${url}/api/v1/commands`, { body: { jobId: 'x', payload: 1 } })).text, '{"error":"Missing credentials."}');
    assert.equal((await enqueue({ jobId: 'x', payload: 1 }, 'wrong')).text, '{"error":"Invalid credentials."}');
    assert.equal((await poll(url, 'u1', key, 'x')).text, '[]');
  });

  await t.test('no command is lost when a node is killed between two polls', async () => {
    await enqueue({ jobId: 'kept', payload: 'still here' }, server, a);
    await cluster.replicas[0].kill();
    assert.equal((await poll(b, 'u1', key, 'kept')).text, '["still here"]');
    await cluster.replicas[0].launch();
  });

  await t.test('without Redis the answer is 503, and it heals', async () => {
    await poll(b, 'u1', key, 'outage');
    await cluster.redis.kill();
    await until('503', async () => {
      const answer = await poll(b, 'u1', key, 'outage');
      return answer.status === 503 && answer.headers.get('retry-after') !== null;
    });
    await until('not ready', async () => (await cluster.replicas[1].status('/readyz')) === 503);
    await cluster.redis.restart();
    await cluster.replicas[1].untilReady(10000);
    assert.equal((await poll(b, 'u1', key, 'outage')).status, 200);
  });
});
