import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import {
  AdjustStockResponseSchema,
  type CommitReservationRequest,
  CommitReservationRequestSchema,
  CommitReservationResponseSchema,
  InventoryService,
  ReleaseStockResponseSchema,
  type ReserveStockRequest,
  ReserveStockRequestSchema,
  ReserveStockResponseSchema,
  SetStockResponseSchema,
} from '#gen/commerce/inventory/v1/inventory_pb.ts';
import type { Clock } from '#kit/clock.ts';
import { type RequestKey, requestKey } from '#kit/db/request-key.ts';
import { batchResults } from '#kit/load/batch.ts';
import type { Coalescer } from '#kit/load/coalesce.ts';
import { cutPage, decodeNumberToken, encodePageToken } from '#kit/page.ts';
import { type Call, userOf } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { WatchHub } from '#kit/streams/watch.ts';
import { type Author, type Command, limits, SkuNotFound, type Stock } from './domain.ts';
import { movementToProto, stockToProto } from './proto.ts';
import type { Store } from './store.ts';
import type { StockWriter } from './writer.ts';

export interface RpcDeps {
  writer: StockWriter;
  store: Pick<Store, 'listMovements'>;
  stocks: Coalescer<string, Stock | undefined>;
  hub: WatchHub<Stock>;
  clock: Clock;
}

export function createInventoryRpc(deps: RpcDeps): Handlers<typeof InventoryService> {
  const { writer, store, stocks, hub, clock } = deps;

  /** Hands a command to the writer, under the key of its own request message. */
  function write<Response extends DescMessage>(
    key: RequestKey,
    response: Response,
    command: Command,
  ): Promise<MessageShape<Response>> {
    return writer.do({ key, response, item: command }) as Promise<MessageShape<Response>>;
  }

  function reserve(request: ReserveStockRequest, call: Call) {
    const { orderId, lines, holdSeconds } = request;
    const expiresAt = clock.now() + 1000 * (holdSeconds || limits.holdSecondsDefault);
    const key = requestKey(call, request, ReserveStockRequestSchema);
    const command = { kind: 'reserve' as const, orderId, lines, expiresAt };
    return write(key, ReserveStockResponseSchema, command);
  }

  function commit(request: CommitReservationRequest, call: Call) {
    const key = requestKey(call, request, CommitReservationRequestSchema);
    const command = { kind: 'commit' as const, orderId: request.orderId };
    return write(key, CommitReservationResponseSchema, command);
  }

  return {
    async getStock({ sku }) {
      const stock = await stocks.do(sku);
      if (stock === undefined) throw new SkuNotFound({ sku });
      return { stock: stockToProto(stock) };
    },

    async batchGetStock({ skus }) {
      const found = await Promise.all(skus.map((sku) => stocks.do(sku)));
      return { stocks: found.filter((stock) => stock !== undefined).map(stockToProto) };
    },

    async listStockMovements({ sku, pageSize, pageToken }) {
      const query = ['ListStockMovements', sku];
      const before = decodeNumberToken(query, pageToken);
      const size = pageSize || limits.movementsPageDefault;
      const found = await store.listMovements(sku, before, size + 1);
      const { page, nextPageToken } = cutPage(found, size, (last) =>
        encodePageToken(query, [String(last.position)]),
      );
      return { movements: page.map(movementToProto), nextPageToken };
    },

    setStock: (request, call) => {
      const { sku, onHand } = request;
      const command = { kind: 'set' as const, sku, onHand, by: authorOf(request, call) };
      return write(requestKey(call, request), SetStockResponseSchema, command);
    },

    adjustStock: (request, call) => {
      const { sku, delta, reason } = request;
      const by = authorOf(request, call);
      const command = { kind: 'adjust' as const, sku, delta, reason, by };
      return write(requestKey(call, request), AdjustStockResponseSchema, command);
    },

    reserveStock: reserve,

    batchReserveStock: async ({ requests }, call) => ({
      results: await batchResults(InventoryService, requests, (request) => reserve(request, call)),
    }),

    commitReservation: commit,

    batchCommitReservations: async ({ requests }, call) => ({
      results: await batchResults(InventoryService, requests, (request) => commit(request, call)),
    }),

    releaseStock: (request, call) => {
      const command = { kind: 'release' as const, orderId: request.orderId, now: clock.now() };
      return write(requestKey(call, request), ReleaseStockResponseSchema, command);
    },

    async *watchStock({ skus }, call) {
      const known = await Promise.all(skus.map((sku) => stocks.do(sku)));
      const unknown = skus.find((_, i) => known[i] === undefined);
      if (unknown !== undefined) throw new SkuNotFound({ sku: unknown });
      for await (const { value } of hub.watch(skus, call.signal)) {
        yield { stock: stockToProto(value) };
      }
    },
  };
}

function authorOf({ requestId }: { requestId: string }, call: Call): Author {
  return { staffId: userOf(call).id, requestId };
}
