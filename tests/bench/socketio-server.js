// SPDX-License-Identifier: MIT
// The peer: Socket.IO 4 with @socket.io/redis-adapter, doing what the benches ask of it.
//   socketio-server.js PORT REDIS_SOCKET
import http from 'node:http';
import { Server } from 'socket.io';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';

const [port, socket] = process.argv.slice(2);
const publisher = createClient({ socket: { path: socket } });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

// POST /publish {"room","event","payload"}: a back end publishes over HTTP
const server = http.createServer((request, response) => {
  if (request.method !== 'POST') {
    if (!request.url.startsWith('/socket.io')) response.end('ok');
    return;
  }
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    const { room, event, payload } = JSON.parse(body);
    io.to(room).emit(event, payload);
    response.end();
  });
});
const io = new Server(server, {
  adapter: createAdapter(publisher, subscriber), perMessageDeflate: false,
});
io.on('connection', (client) => {
  client.on('join', (room, done = () => client.emit('joined')) => {
    client.join(room);
    done();
  });
  // a relay: pass it on to whoever is in the room, and acknowledge
  client.on('relay', (room, message, done) => {
    io.to(room).emit('message', message);
    done();
  });
});
server.listen(Number(port), '127.0.0.1', () => console.log('listening'));
