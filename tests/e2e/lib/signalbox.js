// SPDX-License-Identifier: MIT
// Replicas, the balancer in front of them, and tokens.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from './redis.js';
import { Child, freePort, ROOT, run, tempFolder, until } from './process.js';

/** The binary under test: built with sanitizers unless SIGNALBOX_BIN names another. */
export const BINARY = process.env.SIGNALBOX_BIN ?? join(ROOT, 'build/sanitize/signalbox');
export const PLAIN_BINARY = join(ROOT, 'build/signalbox');

const ENV = {
  ...process.env,
  ASAN_OPTIONS: 'abort_on_error=0:exitcode=99:detect_leaks=1:handle_abort=1',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1:exitcode=99',
};

/** One process of signalbox. */
export class Replica {
  constructor(port, args, options) {
    this.port = port;
    this.args = args;
    this.binary = options.binary ?? BINARY;
    this.env = { ...ENV, ...options.env };
    this.url = `http://127.0.0.1:${port}`;
    this.wsUrl = `ws://127.0.0.1:${port}`;
  }

  /** Starts (again, after a kill) on the same port, and waits until it is ready. */
  async launch({ waitReady = true } = {}) {
    this.child = new Child(this.binary, ['serve', '--addr', `127.0.0.1:${this.port}`, ...this.args], {
      env: this.env,
    });
    if (waitReady) await this.untilReady();
  }

  async untilReady(ms = 20000) {
    await until(`replica ${this.port} is ready`, async () => {
      if (this.child.end) throw new Error(`replica ended: ${this.child.output}`);
      return (await this.status('/readyz')) === 200;
    }, ms);
  }

  async status(path) {
    try {
      const answer = await fetch(this.url + path, { signal: AbortSignal.timeout(2000) });
      await answer.arrayBuffer();
      return answer.status;
    } catch {
      return 0;
    }
  }

  /** All metrics as { 'name{labels}': number }. */
  async metrics() {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const values = {};
    for (const line of text.split('\n')) {
      const match = /^([^#\s].*) (\S+)$/.exec(line);
      if (match) values[match[1]] = Number(match[2]);
    }
    return values;
  }

  kill() {
    return this.child.kill();
  }

  /** Ends it in order; it must exit with 0, which is also where leaks and sanitizer errors show. */
  async stop() {
    if (this.child.end?.signal === 'SIGKILL') return;
    const end = await this.child.stop(30000);
    assert.deepEqual(end, { code: 0, signal: null }, this.child.output.slice(-6000));
  }
}

/** HAProxy over the replicas, as a plain balancer without stickiness: "roundrobin", or "random(1)" for each request. */
export async function startBalancer(t, replicas, algorithm = 'roundrobin') {
  const folder = tempFolder();
  const port = await freePort();
  const servers = replicas
    .map((replica, i) => `  server n${i} 127.0.0.1:${replica.port} check inter 100ms fall 1 rise 1`)
    .join('\n');
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, `global
  maxconn 2000
defaults
  mode http
  timeout connect 2s
  timeout client 70s
  timeout server 70s
  timeout tunnel 1h
  option redispatch
  retries 3
frontend front
  bind 127.0.0.1:${port}
  default_backend nodes
backend nodes
  balance ${algorithm}
  option httpchk GET /readyz
${servers}
`);
  const child = new Child('haproxy', ['-db', '-f', file]);
  t.after(() => child.kill());
  const url = `http://127.0.0.1:${port}`;
  await until('the balancer answers', async () => {
    if (child.end) throw new Error(`haproxy ended: ${child.output}`);
    try {
      return (await fetch(`${url}/healthz`)).ok;
    } catch {
      return false;
    }
  });
  return { url, wsUrl: `ws://127.0.0.1:${port}`, child };
}

/** `count` replicas over one Redis, ended (and checked for leaks) when the test is over. */
export async function startCluster(t, { count = 1, args = [], balancer = false, binary, env } = {}) {
  const cluster = { replicas: [], args };
  // hooks run in the order in which they were made: the replicas end before their Redis does
  t.after(async () => {
    cluster.redis?.resume();
    const ends = await Promise.allSettled(cluster.replicas.map((replica) => replica.stop()));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  });
  const redis = await Redis.start(t);
  cluster.redis = redis;
  cluster.add = async (more = []) => {
    const replica = new Replica(await freePort(), ['--redis', redis.url, ...args, ...more], { binary, env });
    cluster.replicas.push(replica);
    await replica.launch();
    return replica;
  };
  const added = await Promise.allSettled(Array.from({ length: count }, () => cluster.add()));
  for (const one of added) if (one.status === 'rejected') throw one.reason; // when none is on its way any more
  if (balancer) {
    cluster.balancer = await startBalancer(t, cluster.replicas, balancer === true ? undefined : balancer);
  }
  cluster.token = (kind, subject, ...more) => addToken(redis.url, kind, subject, ...more);
  cluster.revoke = async (kind, subject, ...more) => {
    const done = await run(BINARY, ['token', 'revoke', '--redis', redis.url, '--kind', kind,
      '--subject', subject, ...more], { env: ENV });
    assert.equal(done.code, 0, done.stderr);
  };
  return cluster;
}

/** The secret of a new credential. */
export async function addToken(redisUrl, kind, subject, ...more) {
  const done = await run(BINARY, ['token', 'add', '--redis', redisUrl, '--kind', kind,
    '--subject', subject, ...more], { env: ENV });
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /^\S+\n$/);
  return done.stdout.trim();
}
