// Serves js-redis-server on 127.0.0.1 only, on the port given as argument. Its own command listens
// on every address.
import { createServer } from 'node:net';
import {
  attachSession,
  createRedisCommandExecutor,
  RedisServerState,
  SocketConnectionTransport,
} from 'js-redis-server/core';

const databaseCount = 16; // what a Redis has unless told otherwise

const state = new RedisServerState({ databaseCount });
const executor = createRedisCommandExecutor();

const server = createServer((socket) => {
  attachSession(new SocketConnectionTransport(socket), { state, executor });
});
server.listen({ host: '127.0.0.1', port: Number(process.argv[2]) });
process.once('SIGTERM', () => process.exit());
