import type { Message } from '@bufbuild/protobuf';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { answerBatchOnce, type Mutation } from '#kit/db/request-log.ts';
import type { Answer } from '#kit/db/request-records.ts';
import { debugPoint } from '#kit/debug.ts';
import { DomainError } from '#kit/errors.ts';
import { limits as kitLimits } from '#kit/limits.ts';
import { type Coalescer, createCoalescer, type Outcome } from '#kit/load/coalesce.ts';
import type { Book } from './domain/book.ts';
import { applyCommand } from './domain/commands.ts';
import { type Command, limits, type Result } from './domain.ts';
import { reservationToProto, stockToProto } from './proto.ts';
import type { Store } from './store.ts';

/** Takes mutations of stock, of every kind, and answers each when it is durable. */
export type StockWriter = Coalescer<Mutation<Command>, Message>;

/**
 * The one writer of stock in this process. Whatever arrived while the last transaction was being committed goes into the
 * next: a hot SKU is locked and written once per batch, not once per order, so it is the fastest case and not the
 * slowest.
 */
export function createStockWriter(deps: {
  database: Database;
  store: Store;
  clock: Clock;
}): StockWriter {
  const { database, store, clock } = deps;
  return createCoalescer<Mutation<Command>, Message>({
    name: 'commerce.inventory.write',
    timeoutMs: kitLimits.statementMsMax,
    itemsMax: limits.batchMax,
    run: (mutations) =>
      answerBatchOnce(
        database,
        InventoryService.typeName,
        mutations,
        async (tx, commands) => {
          const book = await store.openBook(tx, commands, clock.now());
          const outcomes = commands.map((command) => tryApply(book, command));
          store.writeBook(tx, book);
          await debugPoint('commerce.inventory.before-commit');
          return outcomes;
        },
        { expectFresh: true },
      ),
  });
}

function tryApply(book: Book, command: Command): Outcome<Answer> {
  try {
    return { value: toResponse(applyCommand(book, command)) };
  } catch (error) {
    if (error instanceof DomainError) return { error };
    throw error;
  }
}

function toResponse(result: Result): Answer {
  return 'stock' in result
    ? { stock: stockToProto(result.stock) }
    : { reservation: reservationToProto(result.reservation) };
}
