// SPDX-License-Identifier: MIT
// What the benches share: servers under test (ours and the peers'), the load generator, CPU and memory.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHash, randomBytes } from 'node:crypto';
import { Child, freePort, ROOT, run, until } from '../e2e/lib/process.js';
import { Redis } from '../e2e/lib/redis.js';
import { addToken, PLAIN_BINARY, Replica } from '../e2e/lib/signalbox.js';

export { freePort, run, until, Redis };
export const LOAD = join(ROOT, 'build/load');
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const TICK = 100; // clock ticks a second, as Linux reports CPU time to user space

/** User and system seconds that a process has used, and its resident memory in bytes. */
export function usage(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1];
  return { user: fields[11] / TICK, system: fields[12] / TICK, rss: rss * 1024 };
}

/** CPU seconds that `pids` used while `work` ran. */
export async function measure(pids, work) {
  const before = pids.map(usage);
  const result = await work();
  const after = pids.map(usage);
  const sum = (name) => after.reduce((total, now, i) => total + now[name] - before[i][name], 0);
  return { result, user: sum('user'), system: sum('system'), cpu: sum('user') + sum('system') };
}

/** What `work` cost Redis: CPU seconds, and calls of scripts. */
export async function redisCost(redis, work) {
  const read = async () => {
    const cpu = await redis.command('INFO', 'cpu');
    const stats = await redis.command('INFO', 'commandstats');
    const number = (text, pattern) => Number(pattern.exec(text)?.[1] ?? 0);
    return {
      cpu: number(cpu, /used_cpu_user:([\d.]+)/) + number(cpu, /used_cpu_sys:([\d.]+)/),
      scripts: number(stats, /cmdstat_evalsha:calls=(\d+)/) + number(stats, /cmdstat_eval:calls=(\d+)/),
    };
  };
  const before = await read();
  const result = await work();
  const after = await read();
  return { result, cpu: after.cpu - before.cpu, scripts: after.scripts - before.scripts };
}

/** Runs the load generator to its end. */
export async function load(...args) {
  const { code, stdout, stderr } = await run(LOAD, args.map(String), { ms: 900000 });
  if (code !== 0 || stderr) throw new Error(`load ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Opens connections and holds them until release() is called. */
export async function hold(...args) {
  const child = spawn(LOAD, [...args.map(String), '--hold'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = [];
  child.stdout.on('data', (chunk) => lines.push(...chunk.toString().trim().split('\n')));
  const gone = new Promise((resolve) => child.on('close', resolve));
  await until('all connections are open', () => lines.length > 0 || child.exitCode !== null, 130000);
  return {
    ...JSON.parse(lines[0]),
    async release() {
      child.stdin.end();
      await gone;
      return JSON.parse(lines.at(-1));
    },
  };
}

const after = [];
/** Everything that was started is ended by pid, last first. */
export async function cleanUp() {
  while (after.length > 0) await after.pop()();
}
const scope = { after: (end) => after.push(end) };

export const startRedis = async () => Redis.start(scope, { port: await freePort(), fsync: 'everysec' });

/** Replicas of signalbox over one Redis. */
export async function startSignalbox(redis, count, args = []) {
  const replicas = [];
  for (let i = 0; i < count; i++) {
    const replica = new Replica(await freePort(), ['--redis', redis.url, '--rate-limit', '0', '--max-conns', '10000',
      '--auth-failures', '0', '--log-level', 'warn', ...args], { binary: PLAIN_BINARY });
    await replica.launch();
    scope.after(() => replica.child.stop());
    replica.pid = replica.child.pid;
    replicas.push(replica);
  }
  return replicas;
}

export const token = (redis, kind, subject, ...more) => addToken(redis.url, kind, subject, ...more);

/** `count` player tokens t<i> of players p<i>, written as the command line writes one. */
export async function manyPlayers(redis, count) {
  const sample = await token(redis, 'player', 'sample');
  const keyOf = (secret) => `sb:{cred:player:${createHash('sha256').update(secret).digest('hex')}}:record`;
  const record = await redis.command('GET', keyOf(sample));
  const prefix = randomBytes(16).toString('hex');
  const lines = [];
  for (let i = 0; i < count; i++) {
    lines.push(`SET "${keyOf(`${prefix}-${i}`)}" ${JSON.stringify(record.replace('sample', `p${i}`))}`);
  }
  const { code, stderr } = await run('redis-cli', ['-s', redis.socket, '--pipe'], { input: lines.join('\r\n') + '\r\n', ms: 300000 });
  if (code !== 0) throw new Error(stderr);
  return prefix;
}

async function startListening(file, args, port) {
  const child = new Child(file, args);
  scope.after(() => child.stop());
  await until(`${args[0]} listens`, async () => {
    if (child.end) throw new Error(child.output);
    return fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false);
  });
  return { port, pid: child.pid, url: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}` };
}

export async function startSocketIo(redis, count) {
  const nodes = [];
  for (let i = 0; i < count; i++) {
    const port = await freePort();
    nodes.push(await startListening(process.execPath, [join(ROOT, 'tests/bench/socketio-server.js'), String(port), redis.socket], port));
  }
  return nodes;
}

export async function startExpress() {
  const port = await freePort();
  return startListening(process.execPath, [join(ROOT, 'tests/bench/express-server.js'), String(port)], port);
}

/** nginx with nchan over the same Redis (on TCP: it knows no UNIX sockets). */
export async function startNchan(redis, count) {
  const nodes = [];
  for (let i = 0; i < count; i++) {
    const port = await freePort();
    const folder = join(redis.folder, `nchan-${i}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'nginx.conf'), `
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log crit;
worker_rlimit_nofile 20000;
events { worker_connections 19900; }
http {
  access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s; keepalive_requests 100000000;
  nchan_max_reserved_memory 256m;
  upstream store { nchan_redis_server redis://127.0.0.1:${redis.port}; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = / { return 200 "ok"; }
    location ~ ^/pub/(.+)$ { nchan_publisher http websocket; nchan_channel_id $1; nchan_redis_pass store; nchan_message_buffer_length 10; }
    location ~ ^/sub/(.+)$ { nchan_subscriber websocket; nchan_channel_id $1; nchan_redis_pass store; nchan_subscriber_first_message newest; }
  }
}`);
    nodes.push(await startListening('/usr/sbin/nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], port));
  }
  return nodes;
}
