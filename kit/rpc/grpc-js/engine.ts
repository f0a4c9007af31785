/** The first engine: @grpc/grpc-js, used below its client API so that a call makes no stack trace and no emitter. */
import type { Engine } from '../engine.ts';
import { createChannelz } from './channelz.ts';
import { connectGrpcJs } from './connection.ts';
import { listenGrpcJs } from './listener.ts';

/** gRPC over HTTP/2 by @grpc/grpc-js, with its own channelz. */
export const grpcJsEngine: Engine = {
  name: 'grpc-js',
  connect: connectGrpcJs,
  listen: listenGrpcJs,
  implementations: () => [createChannelz()],
};
