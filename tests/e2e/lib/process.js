// SPDX-License-Identifier: MIT
// Child processes of a test: started, watched, and ended by pid; none outlives the test process.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import net from 'node:net';

export const ROOT = new URL('../../..', import.meta.url).pathname;

/** Waits until `check` returns something truthy, and returns that; fails after `ms`, naming `what`. */
export async function until(what, check, ms = 30000) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const folders = new Set();

/** A fresh folder below $TMPDIR, removed with the test's process: until its end somebody may write there. */
export function tempFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'sb-e2e-'));
  folders.add(folder);
  return folder;
}

/** Below what the kernel gives to outgoing connections: those of other tests would take it at any time. */
const PORTS = { from: 10000, to: 32000 };

const isFree = (port) => new Promise((resolve) => {
  const server = net.createServer();
  server.on('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
});

/** A TCP port that was free a moment ago; by chance, because other tests look for one at the same time. */
export async function freePort() {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
    if (await isFree(port)) return port;
  }
}

const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.process.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

/** One child: its output, its end, signals to it. */
export class Child {
  constructor(file, args, options = {}) {
    this.output = '';
    this.process = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    alive.add(this);
    const keep = (chunk) => {
      this.output = (this.output + chunk).slice(-1_000_000);
    };
    this.process.stdout?.on('data', keep);
    this.process.stderr?.on('data', keep);
    this.exited = new Promise((resolve) => {
      this.process.on('error', (error) => {
        keep(String(error));
        alive.delete(this);
        resolve({ code: -1, signal: null });
      });
      this.process.on('close', (code, signal) => {
        alive.delete(this);
        this.end = { code, signal };
        resolve(this.end);
      });
    });
  }

  get pid() {
    return this.process.pid;
  }

  signal(name) {
    this.process.kill(name);
  }

  /** SIGKILL, and waits until it is gone. */
  async kill() {
    if (!this.end) this.process.kill('SIGKILL');
    return this.exited;
  }

  /** SIGTERM, and waits for the end; SIGKILL when that takes too long. */
  async stop(ms = 15000) {
    if (this.end) return this.end;
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), ms);
    const end = await this.exited;
    clearTimeout(timer);
    return end;
  }
}

/** Runs a program to its end; returns { code, stdout, stderr }. One that takes longer than `ms` is killed, with what it
 *  has started, and that is a failure which says what it was doing. */
export async function run(file, args, { input, env, ms = 60000 } = {}) {
  const child = spawn(file, args, { env: { ...process.env, ...env }, detached: true }); // a group of its own
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch { /* they have just ended */ }
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, ms);
  process.on('exit', kill);
  try {
    const code = await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    if (isLate) throw new Error(`not over after ${ms} ms: ${[file, ...args].join(' ')}\n${stdout}${stderr}`);
    return { code, stdout, stderr };
  } finally {
    clearTimeout(timer);
    process.off('exit', kill);
  }
}
