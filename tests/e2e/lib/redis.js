// SPDX-License-Identifier: MIT
// A redis-server of the test's own, on a UNIX socket, with an append-only file.
import { join } from 'node:path';
import { Child, run, tempFolder, until } from './process.js';

export class Redis {
  /** With `port` it listens on that TCP port of the loopback as well; `fsync` is its appendfsync. */
  static async start(t, { port = 0, fsync = 'always' } = {}) {
    const redis = new Redis();
    Object.assign(redis, { port, fsync });
    redis.folder = tempFolder();
    redis.socket = join(redis.folder, 'redis.sock');
    redis.url = `unix://${redis.socket}`;
    t.after(() => redis.kill());
    await redis.launch();
    return redis;
  }

  async launch() {
    this.child = new Child('redis-server', [
      '--port', String(this.port), '--bind', '127.0.0.1', '--unixsocket', this.socket, '--dir', this.folder,
      '--appendonly', 'yes', '--appendfsync', this.fsync, '--save', '',
    ]);
    await until('redis answers', async () => (await this.tryCommand('ping')) === 'PONG');
  }

  async tryCommand(...args) {
    const { stdout } = await run('redis-cli', ['-s', this.socket, '--raw', ...args]);
    return stdout.replace(/\n$/, '');
  }

  /** One command; its raw answer as text. */
  async command(...args) {
    const { code, stdout, stderr } = await run('redis-cli', ['-e', '-s', this.socket, '--raw', ...args]);
    if (code !== 0) throw new Error(`redis-cli ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout.replace(/\n$/, '');
  }

  async kill() {
    this.child.signal('SIGCONT');
    await this.child.kill();
  }

  async restart() {
    await this.launch();
  }

  pause() {
    this.child.signal('SIGSTOP');
  }

  resume() {
    this.child.signal('SIGCONT');
  }
}
