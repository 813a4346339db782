// SPDX-License-Identifier: MIT
// ./dev run as a new user sees it: exactly the commands that it prints, pasted into a shell.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Child, freePort, ROOT, run, tempFolder, until } from './lib/process.js';

/** The printed page as [command, expected lines] pairs. */
function steps(page) {
  const list = [];
  for (const line of page.split('\n')) {
    if (line.startsWith('    $ ')) list.push({ command: line.slice(6), expected: [] });
    else if (line.startsWith('    ') && list.length > 0) list.at(-1).expected.push(line.slice(4));
  }
  return list;
}

const matches = (line, pattern) => {
  const parts = pattern.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(line);
};

test('the tour', { timeout: 120000 }, async (t) => {
  const port = await freePort();
  const child = new Child(`${ROOT}/dev`, ['run', '--addr', `127.0.0.1:${port}`, '--data', tempFolder()], { cwd: ROOT });
  t.after(() => child.stop());
  await until('the tour is printed', () => {
    if (child.end) throw new Error(child.output);
    return child.output.includes('ws_messages_delivered_total 1\n');
  }, 90000);
  const list = steps(child.output);
  assert.ok(list.length >= 9, child.output);
  for (const { command, expected } of list) {
    const { stdout, stderr } = await run('bash', ['-c', `cd '${ROOT}'\n${command}`], { ms: 30000 });
    const lines = stdout.trimEnd().split('\n');
    assert.ok(lines.length === expected.length && lines.every((line, i) => matches(line, expected[i])),
      `${command}\n${stdout}${stderr}\nexpected:\n${expected.join('\n')}`);
  }
  assert.deepEqual(await child.stop(), { code: 0, signal: null }, child.output);
});
