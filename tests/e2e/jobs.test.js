// SPDX-License-Identifier: MIT
// The job room: apps join it over Socket.IO, game servers poll over HTTP, each at any replica.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { http } from './lib/clients.js';
import { until } from './lib/process.js';
import { startCluster } from './lib/signalbox.js';
import { JsClient, PythonClient } from './lib/socketio.js';

test('the job room', async (t) => {
  const cluster = await startCluster(t, { count: 3, balancer: 'random(1)', args: ['--job-ttl', '1s'] });
  const { url } = cluster.balancer;
  const key = await cluster.token('universe', 'u1');
  const poll = async (job) => {
    const answer = await http('GET', `${url}/api/v1/commands`, { headers: { 'x-universe-id': 'u1', 'x-api-key': key, 'x-job-id': job } });
    assert.equal(answer.status, 200, answer.text);
  };
  const isMessage = (event, type, since) => {
    assert.equal(event[0], 'system_message');
    assert.deepEqual({ ...event[1], timestamp: 0 }, {
      type, message: type === 'INTEGRATION_SUCCESS' ? 'This server has RCL Integration enabled.' : event[1].message, timestamp: 0,
    });
    assert.ok(Math.abs(event[1].timestamp - since) < 10000);
  };

  for (const [name, connect] of [
    ['4.x', (inner) => JsClient.open(inner, 4, url)], ['2.x', (inner) => JsClient.open(inner, 2, url)],
    ['python', (inner) => PythonClient.open(inner, url, { events: ['system_message'] })],
  ]) {
    await t.test(`${name}: a living job`, async (inner) => {
      const client = await connect(inner); // which may take longer than a job lives
      await poll(`job-${name}`);
      client.emit('join_job', { jobId: `job-${name}` });
      isMessage(await client.next(), 'INTEGRATION_SUCCESS', Date.now());
      await poll(`job-${name}`);
      assert.deepEqual(await client.ask('join_job', { jobId: `job-${name}` }), [{ integrated: true }]);
      client.close();
    });
  }

  await t.test('a job without a heartbeat', async (inner) => {
    const client = await JsClient.open(inner, 4, url);
    assert.deepEqual(await client.ask('join_job', { jobId: 'nobody' }), [{ integrated: false }]);
    assert.equal(client.events.length, 0);
    client.close();
  });

  await t.test('the longest job ids', async (inner) => {
    const client = await JsClient.open(inner, 4, url);
    const token = await cluster.token('server', 'long');
    for (const length of [124, 125, 128]) {
      const job = 'x'.repeat(length);
      await poll(job);
      assert.deepEqual(await client.ask('join_job', { jobId: job }), [{ integrated: true }]);
      const room = length <= 124 ? `job:${job}` : `job:~${createHash('sha256').update(job).digest('hex')}`;
      const sent = await http('POST', `${url}/api/v1/rooms/${room}/emit`,
        { headers: { authorization: `Bearer ${token}` }, body: { event: 'hello', args: [length] } });
      assert.equal(sent.status, 202, sent.text);
      await until('it came', () => client.events.some(([name, n]) => name === 'hello' && n === length));
    }
    client.close();
  });

  await t.test('what is no job id gets an error, and no message', async (inner) => {
    const client = await JsClient.open(inner, 4, url);
    for (const data of [undefined, null, {}, { jobId: 5 }, { jobId: '' }, { jobId: 'x'.repeat(129) }, 'job']) {
      const args = data === undefined ? [] : [data];
      const [answer] = await client.ask('join_job', ...args);
      assert.equal(typeof answer.error, 'string', JSON.stringify(data));
      client.emit('join_job', ...args);
    }
    assert.deepEqual(await client.ask('join_job', { jobId: 'nobody' }), [{ integrated: false }]);
    assert.equal(client.events.length, 0);
    client.close();
  });

  for (const transports of [['websocket'], ['polling']]) {
    await t.test(`watching a job, ${transports}`, async (inner) => {
      const job = `watched-${transports}`;
      const client = await JsClient.open(inner, 4, url, { transports });
      assert.deepEqual(await client.ask('join_job', { jobId: job, watch: true }), [{ integrated: false }]);
      for (let i = 0; i < 2; i++) {
        await poll(job);
        isMessage(await client.next(), 'INTEGRATION_SUCCESS', Date.now());
        await poll(job);
        isMessage(await client.next(5000), 'INTEGRATION_LOST', Date.now());
      }
      assert.equal(client.events.length, 4);
      client.close();
    });
  }

  await t.test('the room is there for back ends', async (inner) => {
    const client = await JsClient.open(inner, 4, url);
    await client.ask('join_job', { jobId: 'roomy' });
    const token = await cluster.token('server', 'back-end');
    const sent = await http('POST', `${url}/api/v1/rooms/${encodeURIComponent('job:roomy')}/emit`,
      { headers: { authorization: `Bearer ${token}` }, body: { event: 'player_list', args: [['Ann']] } });
    assert.equal(sent.status, 202, sent.text);
    await until('it came', () => client.count('player_list') === 1);
    client.close();
  });
});
