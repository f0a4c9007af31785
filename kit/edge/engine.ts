import type { DescService } from '@bufbuild/protobuf';
import { Health } from '#gen/grpc/health/v1/health_pb.ts';
import { ServerReflection as ReflectionV1 } from '#gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ReflectionV1Alpha } from '#gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { limits } from '../limits.ts';
import type { Engine } from '../rpc/engine.ts';
import type { MessageDispatcher } from '../rpc/server/dispatcher.ts';
import type { CorsOptions } from './cors.ts';
import { type HttpRoutes, listenEdge } from './listen.ts';

/**
 * The engine of the public door: connect-node, which speaks gRPC, gRPC-Web and Connect to browsers and strangers on one
 * port. It costs several times what the mesh's own engine does per call, so only the edge pays it. It makes no calls.
 */
export function createEdgeEngine(
  services: readonly DescService[],
  edge: { cors: CorsOptions; routes: HttpRoutes; idleMsMax?: number },
): Engine {
  return {
    name: 'connect-node',
    connect() {
      throw new Error('the edge only listens');
    },
    listen: (address, dispatcher, options) =>
      listenEdge(address, {
        idleMsMax: limits.edgeIdleMsMax,
        ...edge,
        ...options,
        services: [...services, Health, ReflectionV1, ReflectionV1Alpha],
        dispatcher: dispatcher as MessageDispatcher,
      }),
  };
}
