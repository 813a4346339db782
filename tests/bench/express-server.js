// SPDX-License-Identifier: MIT
// The peer of the mailbox: one Node process, Express, a Map.   express-server.js PORT
import express from 'express';

const jobs = new Map(); // job id -> { universe, lastSeen, commands }
const keys = new Map([['u', 'bench-key']]);
const app = express();

app.get('/api/v1/commands', (request, response) => {
  const universe = request.get('x-universe-id');
  const key = request.get('x-api-key');
  const job = request.get('x-job-id');
  if (!universe || !key || !job) return response.status(401).json({ error: 'Missing identity headers.' });
  if (keys.get(universe) !== key) return response.status(403).json({ error: 'Invalid credentials.' });
  const record = jobs.get(job) ?? { universe, commands: [] };
  record.lastSeen = Date.now();
  jobs.set(job, record);
  const commands = record.commands.filter(({ expires }) => expires > Date.now());
  record.commands = [];
  response.json(commands.map(({ payload }) => payload));
});
setInterval(() => {
  for (const [id, { lastSeen }] of jobs) if (lastSeen < Date.now() - 5000) jobs.delete(id);
}, 1000);
app.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'));
