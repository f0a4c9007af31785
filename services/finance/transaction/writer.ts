import type { Message } from '@bufbuild/protobuf';
import { TransactionService } from '#gen/finance/transaction/v1/transaction_pb.ts';
import type { Clock } from '#kit/clock.ts';
import { Collision } from '#kit/db/collision.ts';
import type { Database } from '#kit/db/database.ts';
import { answerBatchOnce, findAnswers, type Mutation } from '#kit/db/request-log.ts';
import type { Answer } from '#kit/db/request-records.ts';
import { debugPoint } from '#kit/debug.ts';
import { DomainError } from '#kit/errors.ts';
import { limits as kitLimits } from '#kit/limits.ts';
import { type Coalescer, createCoalescer, type Outcome } from '#kit/load/coalesce.ts';
import type { Book } from './domain/book.ts';
import { applyCommand } from './domain/commands.ts';
import { VerdictUnavailable } from './domain/refusals.ts';
import { actionOf, type Command, limits } from './domain.ts';
import type { Forecast } from './forecast.ts';
import { balanceToProto, transactionToProto } from './proto.ts';
import { verdictExpiry } from './store/rows.ts';

/** Takes mutations of the ledger, of every kind, and answers each when it is durable. */
export type LedgerWriter = Coalescer<Mutation<Command>, Message>;

/**
 * The one writer of the ledger in this process. Whatever arrived while the last transaction was being committed goes into
 * the next: a hot account is written once per batch, not once per transfer, so it is the fastest case and not the slowest.
 */
export function createLedgerWriter(deps: {
  database: Database;
  forecast: Forecast;
  clock: Clock;
  /** Transfers in a batch at least while another one is under way. */
  batchMin?: number;
}): LedgerWriter {
  const { database, forecast, clock, batchMin = limits.batchMin } = deps;

  const write = (mutations: Mutation<Command>[], now: number) =>
    forecast.inTurn((turn) =>
      answerBatchOnce(
        database,
        TransactionService.typeName,
        mutations,
        async (tx, commands) => {
          const book = await turn.openBook(tx, commands, now);
          // A request that was answered before, of whose transaction another command of the batch speaks.
          if (commands.some((command) => isMade(book, command))) throw new Collision();
          const outcomes = commands.map((command) => tryApply(book, command));
          await turn.writeBook(tx, book);
          await debugPoint('finance.transaction.before-commit');
          return outcomes;
        },
        { expectFresh: true },
      ),
    );

  /** Who asks again what was answered long ago gets that answer; the others are to be judged anew. */
  const answerLate = (mutations: Mutation<Command>[], now: number) =>
    database.transaction(async (tx) => {
      const found = await findAnswers(tx, mutations);
      return found.map((answer, i) => {
        const service = lateJudgeOf(mutations[i]!.item, now)!;
        return answer ?? { error: new VerdictUnavailable({ service }) };
      });
    });

  return createCoalescer<Mutation<Command>, Message>({
    name: 'finance.transaction.write',
    timeoutMs: kitLimits.statementMsMax,
    itemsMax: limits.batchMax,
    batchesMax: limits.batchesMax,
    shareMin: batchMin,
    async run(mutations) {
      const now = clock.now();
      const isLate = mutations.map(({ item }) => lateJudgeOf(item, now) !== undefined);
      if (!isLate.includes(true)) return write(mutations, now);
      const [late, inTime] = [true, false].map((is) =>
        mutations.filter((_, i) => isLate[i] === is),
      );
      // Both begin now: batches are in the order in which they came.
      const [answered, written] = await Promise.all([
        answerLate(late!, now),
        inTime!.length === 0 ? [] : write(inTime!, now),
      ]);
      return isLate.map((is) => (is ? answered : written).shift()!);
    },
  });
}

/** Whether the transaction is there that a command is to make. */
function isMade(book: Book, command: Command): boolean {
  const id =
    command.kind === 'execute'
      ? command.intent.transactionId
      : command.kind === 'reverse' && command.reversalId;
  return id !== false && book.transaction(id) !== undefined;
}

/** By whose verdict it is allowed that is worth nothing any more, if by any; what is denied stays so. */
function lateJudgeOf(command: Command, now: number): string | undefined {
  if (command.kind !== 'execute' || 'refusal' in command.judgement) return undefined;
  const { verdicts } = command.judgement;
  if (actionOf(verdicts) === 'DENY' || verdictExpiry(verdicts)! >= now) return undefined;
  return verdicts.risk.expiresAt < now ? 'finance.risk' : 'finance.compliance';
}

function tryApply(book: Book, command: Command): Outcome<Answer> {
  try {
    const result = applyCommand(book, command);
    return {
      value:
        'account' in result
          ? { balance: balanceToProto(result.account) }
          : { transaction: transactionToProto(result.transaction, readerOf(command)) },
    };
  } catch (error) {
    if (error instanceof DomainError) return { error };
    throw error;
  }
}

/** Reviews are made by staff; what others do is answered as its customers see it. */
function readerOf({ kind }: Command) {
  return kind === 'review' ? 'staff' : 'customer';
}
