// SPDX-License-Identifier: MIT
// What the other tests stand on: programs that do not end are ended.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run, until } from './lib/process.js';

const lives = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('a program that does not end fails, and takes with it what it has started', { timeout: 20000 }, async () => {
  const error = await run('sh', ['-c', 'sleep 600 & echo $!; wait'], { ms: 300 }).then(() => null, (reason) => reason);
  assert.match(error.message, /^not over after 300 ms: sh -c sleep 600/);
  const pid = Number(error.message.match(/\n(\d+)\n/)[1]);
  await until('what it started is gone', () => !lives(pid));
});

test('one that ends in time is what it is', async () => {
  assert.deepEqual(await run('sh', ['-c', 'cat; echo oops >&2; exit 3'], { input: 'hello', ms: 20000 }),
    { code: 3, stdout: 'hello', stderr: 'oops\n' });
  await assert.rejects(run('/nowhere/program', []), /ENOENT/);
});
