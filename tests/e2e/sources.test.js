// SPDX-License-Identifier: MIT
// Where credentials come from besides Redis: an SQL table, the operator's own service over HTTP, and in
// which order they are asked.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { http, Socket } from './lib/clients.js';
import { Child, freePort, run, tempFolder, until } from './lib/process.js';
import { Redis } from './lib/redis.js';
import { BINARY, Replica, startCluster } from './lib/signalbox.js';

const TABLE = `CREATE TABLE ws_token (token VARBINARY(32) PRIMARY KEY, player_id INT UNSIGNED NULL,
  subject_id VARBINARY(32), is_server BOOLEAN, expires_at DATETIME(6))`;
const FAR = '2099-12-31 23:59:59';
const inSeconds = (s) => new Date(Date.now() + s * 1000).toISOString().replace('T', ' ').replace('Z', '');
const insert = (token, player, subject, isServer, expires) => `INSERT INTO ws_token VALUES ('${token}', ${player ?? 'NULL'}, ` +
  `${subject ? `'${subject}'` : 'NULL'}, ${isServer ? 1 : 0}, ${expires ? `'${expires}'` : 'NULL'})`;

const ARGS = ['--revalidate-period', '500ms', '--auth-timeout', '400ms', '--auth-cache', '500ms', '--auth-refused-cache', '0s',
  '--auth-failures', '0', '--rate-limit', '0'];

/** What a token is good for: [how /ws answers, how /publish does]; a socket that opens is closed again. */
async function tryToken(node, token) {
  return [await tryPlayer(node, token), (await publish(node, token, 'nobody')).status];
}

async function tryPlayer(node, token) {
  const socket = new Socket(`${node.wsUrl}/ws?token=${encodeURIComponent(token)}`);
  await until('an answer', () => socket.refused ?? socket.ws.readyState === 1);
  if (socket.refused) return socket.refused.status;
  await socket.close();
  return 'open';
}

const connect = (node, token) => Socket.open(`${node.wsUrl}/ws?token=${token}`);
const publish = (node, token, player, payload = 1) => http('POST', `${node.url}/publish`, {
  headers: { authorization: `Bearer ${token}` }, body: { player_id: player, event: 'e', payload } });

// ---- SQL ---------------------------------------------------------------------------------------------

class Sqlite {
  constructor(t) {
    this.t = t;
    this.file = join(tempFolder(), 'tokens.db');
    this.args = ['--db', 'sqlite3', '--dsn', this.file];
  }

  async execute(statements) {
    const { code, stderr } = await run('sqlite3', ['-bail', this.file], { input: `.timeout 5000\n${statements};\n` });
    assert.equal(code, 0, stderr);
  }

  /** Somebody else holds the file; returns how to end that. */
  async hold() {
    const shell = spawn('sqlite3', [this.file]);
    this.t.after(() => shell.kill('SIGKILL'));
    let output = '';
    shell.stdout.on('data', (chunk) => (output += chunk));
    shell.stdin.write("BEGIN EXCLUSIVE;\nSELECT 'held';\n");
    await until('it is held', () => output.includes('held'));
    return async () => {
      shell.stdin.end('COMMIT;\n');
      await until('it is free', () => shell.exitCode !== null);
    };
  }
}

class MariaDb {
  constructor(t) {
    this.t = t;
    this.folder = tempFolder();
    this.socket = join(this.folder, 'sql.sock');
    this.args = ['--db', 'mysql', '--dsn', `site:p@ss:w/rd@unix(${this.socket})/game?parseTime=true`];
  }

  static async isInstalled() {
    return (await run('sh', ['-c', 'command -v mariadbd && command -v mariadb-install-db && command -v mariadb'])).code === 0;
  }

  async start() {
    const data = join(this.folder, 'data');
    mkdirSync(data);
    const made = await run('mariadb-install-db', ['--no-defaults', '--user=root', '--auth-root-authentication-method=normal',
      '--skip-test-db', `--datadir=${data}`], { ms: 180000 });
    assert.equal(made.code, 0, made.stdout + made.stderr);
    this.child = new Child('mariadbd', ['--no-defaults', '--user=root', '--skip-networking', `--datadir=${data}`,
      `--socket=${this.socket}`, `--pid-file=${join(this.folder, 'sql.pid')}`, '--default-time-zone=+05:00',
      '--innodb-fast-shutdown=2', '--innodb-buffer-pool-size=8M', '--innodb-log-file-size=4M']);
    this.t.after(() => this.child.kill());
    await until('mariadbd answers', async () => {
      if (this.child.end) throw new Error(this.child.output);
      return (await this.command('SELECT 1')).code === 0;
    }, 30000);
    await this.execute("CREATE DATABASE game; CREATE USER site IDENTIFIED BY 'p@ss:w/rd'; GRANT SELECT ON game.* TO site");
  }

  command(statements) {
    return run('mariadb', ['--no-defaults', `--socket=${this.socket}`, '-uroot'], { input: statements });
  }

  async execute(statements) {
    const { code, stderr } = await this.command(`${statements.startsWith('CREATE DATABASE') ? '' : 'USE game; '}${statements}`);
    assert.equal(code, 0, stderr);
  }

  /** The server hangs. */
  async hold() {
    this.child.signal('SIGSTOP');
    return async () => this.child.signal('SIGCONT');
  }
}

async function tokensFromSql(t, database) {
  const cluster = await startCluster(t, { args: [...database.args, ...ARGS] });
  const [node] = cluster.replicas;

  await t.test('the table says who may', async () => {
    await database.execute([
      insert('player', 7, null, false, FAR), insert('named', null, 'ann', false, FAR), insert('both', 8, 'ann', false, FAR),
      insert('server', null, 'backend', true, FAR), insert('old', 9, null, false, '2001-01-01 00:00:00'),
      insert('endless', 10, null, false, null), insert('nobody', null, null, false, FAR),
    ].join('; '));
    const rows = [
      ['player', 'open', 403], ['named', 'open', 403], ['both', 'open', 403], ['server', 401, 200], ['old', 401, 403],
      ['endless', 401, 403], ['nobody', 401, 403], ['unknown', 401, 403], ["' OR 1=1 --", 401, 403],
    ];
    for (const [token, ...want] of rows) assert.deepEqual(await tryToken(node, token), want, token);
  });

  await t.test('player_id comes before subject_id', async () => {
    const sockets = [await connect(node, 'player'), await connect(node, 'named'), await connect(node, 'both')];
    for (const [i, id] of [7, 'ann', '8'].entries()) {
      assert.equal((await publish(node, 'server', id, i)).headers.get('x-delivery'), 'live');
      assert.equal(await sockets[i].next(), `{"event":"e","payload":${i}}`);
    }
    await Promise.all(sockets.map((socket) => socket.close()));
  });

  await t.test('expires_at is in UTC, and closes the connection', async () => {
    await database.execute(insert('brief', 11, null, false, inSeconds(2)));
    const socket = await connect(node, 'brief');
    const before = Date.now();
    assert.deepEqual(await socket.ended(4000), { code: 1008, reason: 'token expired' });
    assert.ok(Date.now() - before < 3000);
    assert.equal(await tryPlayer(node, 'brief'), 401);
  });

  await t.test('a row that goes, or ends early, closes the connection within the period', async () => {
    await database.execute(insert('gone', 12, null, false, FAR));
    await database.execute(insert('cut', 13, null, false, FAR));
    const sockets = [await connect(node, 'gone'), await connect(node, 'cut'), await connect(node, 'player')];
    await database.execute("DELETE FROM ws_token WHERE token = 'gone'; UPDATE ws_token SET expires_at = '2001-01-01' WHERE token = 'cut'");
    for (const socket of sockets.slice(0, 2)) assert.deepEqual(await socket.ended(3000), { code: 1008, reason: 'token expired' });
    assert.deepEqual([await tryPlayer(node, 'gone'), await tryPlayer(node, 'cut')], [401, 401]);
    assert.equal(sockets[2].closed, undefined, 'others stay');
    await sockets[2].close();
  });

  await t.test('a table that does not answer: 503 for who comes, who is there stays', async () => {
    await database.execute(insert('patient', 14, null, false, FAR));
    const socket = await connect(node, 'patient');
    const release = await database.hold();
    assert.deepEqual(await tryToken(node, 'somebody'), [503, 503]);
    const queries = async () => (await node.metrics()).signalbox_auth_sql_queries_total;
    const asked = await queries();
    await until('its token was looked at again', async () => (await queries()) > asked);
    assert.equal((await node.status('/healthz')), 200);
    await release();
    await until('it answers again', async () => (await tryPlayer(node, 'player')) === 'open');
    assert.equal(socket.closed, undefined);
    await publish(node, 'server', 14, 'still here');
    assert.equal(await socket.next(), '{"event":"e","payload":"still here"}');
    await socket.close();
  });
}

test('tokens from SQLite', { timeout: 60000 }, async (t) => {
  const database = new Sqlite(t);
  await database.execute(TABLE);
  await tokensFromSql(t, database);
});

test('tokens from MariaDB', { timeout: 90000 }, async (t) => {
  if (!await MariaDb.isInstalled()) {
    t.skip('mariadb-server is not installed');
    return;
  }
  const database = new MariaDb(t);
  await database.start();
  await database.execute(TABLE);
  await tokensFromSql(t, database);
});

test('a database that is not there yet', { timeout: 60000 }, async (t) => {
  const redis = await Redis.start(t);
  const database = new Sqlite(t);
  const node = new Replica(await freePort(), ['--redis', redis.url, ...database.args, ...ARGS], {});
  t.after(() => node.stop());
  await node.launch({ waitReady: false });
  const readiness = () => http('GET', `${node.url}/readyz`).catch(() => ({}));
  await until('it runs, and is not ready', async () =>
    (await readiness()).text === '{"status":"a source of credentials has not been reached"}');
  assert.equal((await readiness()).status, 503);
  assert.equal(await node.status('/healthz'), 200);
  assert.deepEqual(await tryToken(node, 'player'), [503, 503]);
  await until('it says so', () => /(warn|error) auth\.sql\w* /.test(node.child.output));
  await database.execute(`${TABLE}; ${insert('player', 7, null, false, FAR)}`);
  await node.untilReady(5000);
  assert.equal(await tryPlayer(node, 'player'), 'open');
});

test('what a database is called wrongly ends the start', { timeout: 60000 }, async () => {
  const rows = [
    ['a wrong driver', ['--db', 'oracle', '--dsn', 'x'], /--db "oracle": must be sqlite3 or mysql/],
    ['a malformed DSN', ['--db', 'mysql', '--dsn', 'nonsense'], /start\.failed .*--dsn/],
  ];
  for (const [name, args, text] of rows) {
    const { code, stderr } = await run(BINARY, ['serve', '--redis', 'unix:///nowhere', '--addr', '127.0.0.1:0', ...args]);
    assert.equal(code, 1, `${name}: ${stderr}`);
    assert.match(stderr, text, name);
  }
});

// ---- the hook ------------------------------------------------------------------------------------------

/** A little service that is told how to answer each secret: hook.say(secret, [status, body] | function). */
async function startHook(t) {
  const hook = { questions: [], answers: {}, say: (secret, answer) => (hook.answers[secret] = answer) };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      hook.questions.push(`${request.method} ${request.url} ${body}`);
      const question = JSON.parse(body);
      const answer = hook.answers[question.token ?? question.apiKey] ?? [401, ''];
      if (typeof answer === 'function') answer(request, response);
      else response.writeHead(answer[0], { 'content-type': 'application/json', location: '/elsewhere' }).end(answer[1]);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  hook.stop = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  t.after(hook.stop);
  hook.url = `http://127.0.0.1:${server.address().port}`;
  return hook;
}

// what the hook answers, what /ws then does, and /publish, and a poll
const ANSWERS = [
  ['200', [200, '{"subject":"ann"}'], 'open', 200, 200],
  ['200 with more members', [200, '{"subject":"ann","expires_at":"2099-01-01T00:00:00Z","x":[1]}'], 'open', 200, 200],
  ['200, to end in seconds since 1970', [200, '{"subject":"ann","expires_at":4070908800}'], 'open', 200, 200],
  ['200, long over', [200, '{"subject":"ann","expires_at":"2001-01-01T00:00:00Z"}'], 401, 403, 200],
  ['401', [401, ''], 401, 403, 403],
  ['403', [403, '{"subject":"ann"}'], 401, 403, 403],
  ['500', [500, '{"subject":"ann"}'], 503, 503, 503],
  ['404', [404, ''], 503, 503, 503],
  ['204', [204, ''], 503, 503, 503],
  ['a redirect', [302, ''], 503, 503, 503],
  ['200 without a body', [200, ''], 503, 503, 200],
  ['200 and garbage', [200, 'yes'], 503, 503, 200],
  ['200 without a subject', [200, '{}'], 503, 503, 200],
  ['200 and an empty subject', [200, '{"subject":""}'], 503, 503, 200],
  ['200 and an expiry that makes no sense', [200, '{"subject":"ann","expires_at":"soon"}'], 503, 503, 200],
  ['200 and far too much', [200, `{"subject":"ann","x":"${'x'.repeat(100000)}"}`], 503, 503, 503],
  ['nothing', () => {}, 503, 503, 503],
  ['half an answer', (request, response) => response.writeHead(200, { 'content-length': 100 }).write('{"subject"'), 503, 503, 503],
  ['a line that breaks', (request) => request.socket.destroy(), 503, 503, 503],
];

test('the hook', { timeout: 60000 }, async (t) => {
  const hook = await startHook(t);
  const cluster = await startCluster(t, {
    args: ['--token-auth-url', `${hook.url}/tokens?x=1`, '--universe-auth-url', `${hook.url}/universes`, ...ARGS] });
  const [node] = cluster.replicas;
  const poll = (key, universe = 'u') => http('GET', `${node.url}/api/v1/commands`, {
    headers: { 'x-universe-id': universe, 'x-api-key': key, 'x-job-id': universe } });

  await t.test('is asked by POST', async () => {
    hook.say('s€cret"', [200, '{"subject":"ann"}']);
    await tryPlayer(node, 's€cret"');
    hook.say('server', [200, '{"subject":"backend"}']);
    await publish(node, 'server', 'p');
    hook.say('key', [200, '']);
    await poll('key', 'u 1');
    assert.deepEqual(hook.questions, [
      'POST /tokens?x=1 {"token":"s€cret\\"","kind":"player"}',
      'POST /tokens?x=1 {"token":"server","kind":"server"}',
      'POST /universes {"universeId":"u 1","apiKey":"key"}',
    ]);
  });

  await t.test('decides, row by row', async () => {
    const got = await Promise.all(ANSWERS.map(async ([, answer], i) => {
      hook.say(`secret-${i}`, answer);
      return [...await tryToken(node, `secret-${i}`), (await poll(`secret-${i}`)).status];
    }));
    for (const [i, [name, , ...want]] of ANSWERS.entries()) assert.deepEqual(got[i], want, name);
  });

  await t.test('that knows nothing: 503 with its text, and a time to come again', async () => {
    hook.say('unknown', [500, '']);
    const answers = [await publish(node, 'unknown', 'p'), await poll('unknown')];
    assert.deepEqual(answers.map(({ text }) => text), ['unavailable\n', '{"error":"Authentication is unavailable."}']);
    for (const { headers } of answers) assert.match(headers.get('retry-after'), /^[1-9]\d*$/);
  });

  await t.test('is asked again about who is connected', async () => {
    hook.say('follow', [200, '{"subject":"bob"}']);
    hook.say('brief', [200, `{"subject":"eve","expires_at":${Math.floor(Date.now() / 1000) + 2}}`]);
    const [followed, brief] = [await connect(node, 'follow'), await connect(node, 'brief')];
    assert.deepEqual(await brief.ended(4000), { code: 1008, reason: 'token expired' });
    hook.say('follow', [500, '']);
    const asked = hook.questions.length;
    await until('it was asked', () => hook.questions.slice(asked).some((question) => question.includes('follow')));
    assert.equal(followed.closed, undefined, 'not knowing ends nothing');
    hook.say('follow', [401, '']);
    assert.deepEqual(await followed.ended(3000), { code: 1008, reason: 'token expired' });
  });

  await t.test('is asked about nobody twice within the cache', async () => {
    hook.say('cached', [200, '{"subject":"backend"}']);
    const before = hook.questions.length;
    await Promise.all(Array.from({ length: 10 }, () => publish(node, 'cached', 'p')));
    assert.equal(hook.questions.length - before, 1);
  });

  await t.test('that is gone is no accept', async () => {
    await hook.stop();
    assert.deepEqual(await tryToken(node, 'late'), [503, 503]);
    assert.equal((await poll('late')).status, 503);
    assert.equal(await node.status('/readyz'), 200);
  });
});

// ---- the order -----------------------------------------------------------------------------------------

test('Redis is asked first, then SQL, then the hook', { timeout: 60000 }, async (t) => {
  const hook = await startHook(t);
  const database = new Sqlite(t);
  await database.execute(TABLE);
  await database.execute([
    insert('in-all', 2, null, false, FAR), insert('in-sql-and-hook', 2, null, false, FAR),
    insert('refused-by-sql', 2, null, false, '2001-01-01 00:00:00'),
  ].join('; '));
  for (const secret of ['in-all', 'in-sql-and-hook', 'refused-by-sql', 'in-hook', 'other-key', 'hook-key']) {
    hook.say(secret, [200, '{"subject":"3"}']);
  }
  const cluster = await startCluster(t, {
    args: [...database.args, '--token-auth-url', hook.url, '--universe-auth-url', hook.url, ...ARGS] });
  const [node] = cluster.replicas;
  await cluster.token('player', '1', '--secret', 'in-all');
  await cluster.token('universe', 'known', '--secret', 'redis-key');
  const server = await cluster.token('server', 's');
  await publish(node, server, 'p'); // its own look-up is over

  // who the token is for, and how often SQL and the hook were asked
  const rows = [
    ['in-all', '1', 0, 0],
    ['in-sql-and-hook', '2', 1, 0],
    ['refused-by-sql', 401, 1, 0],
    ['in-hook', '3', 1, 1],
    ['nowhere', 401, 1, 1],
  ];
  const asked = async () => {
    const metrics = await node.metrics();
    return [metrics.signalbox_auth_sql_queries_total, metrics.signalbox_auth_hook_calls_total];
  };
  for (const [token, want, ...counts] of rows) {
    const before = await asked();
    const socket = new Socket(`${node.wsUrl}/ws?token=${token}`);
    await until('an answer', () => socket.refused ?? socket.ws.readyState === 1);
    const after = await asked();
    let who = socket.refused?.status;
    for (const id of socket.refused ? [] : ['1', '2', '3']) {
      if ((await publish(node, server, id)).headers.get('x-delivery') === 'live') who = id;
    }
    assert.equal(who, want, token);
    assert.deepEqual(after.map((count, i) => count - before[i]), counts, token);
    if (!socket.refused) await socket.close();
  }

  const poll = async (universe, key) => (await http('GET', `${node.url}/api/v1/commands`, {
    headers: { 'x-universe-id': universe, 'x-api-key': key, 'x-job-id': universe } })).status;
  const before = await asked();
  assert.deepEqual([await poll('known', 'redis-key'), await poll('known', 'other-key')], [200, 403], 'Redis knows it: nobody else is asked');
  assert.deepEqual(await asked(), before);
  assert.deepEqual([await poll('unknown', 'hook-key'), await poll('unknown', 'no-key')], [200, 403]);
  assert.deepEqual((await asked()).map((count, i) => count - before[i]), [0, 2], 'SQL holds no universes');
});
