import { StockChangedSchema } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { event, type OutgoingEvent } from '#kit/bus/event.ts';
import type { Stock } from './domain.ts';
import { stockToProto } from './proto.ts';

/** Published once for each transaction that changed stock. */
export function stockChanged(stocks: readonly Stock[]): OutgoingEvent {
  return event(StockChangedSchema, stocks[0]!.sku, {
    stocks: stocks.map((stock) => stockToProto(stock)),
  });
}
