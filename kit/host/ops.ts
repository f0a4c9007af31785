import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { OpsService, type ReplayDeadLettersResponseSchema } from '#gen/platform/ops/v1/ops_pb.ts';
import type { Bus } from '../bus/bus.ts';
import type { Consumer } from '../bus/consumer.ts';
import { type DeadLetter, readDeadLetters, removeDeadLetter } from '../bus/dead-letters.ts';
import type { Database } from '../db/database.ts';
import { requestKey } from '../db/request-key.ts';
import { answerOnce, isAnswered } from '../db/request-log.ts';
import { assert, DomainError } from '../errors.ts';
import { limits } from '../limits.ts';
import { cutPage, decodeNumberToken, encodePageToken } from '../page.ts';
import { type Implementation, implement } from '../rpc/server/handlers.ts';
import { detached } from '../scope.ts';

class DeadLetterNotFound extends DomainError<{ event_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'DEAD_LETTER_NOT_FOUND';
}

const pageSizeDefault = 50;

interface Replayed {
  replayedCount: number;
  failedEventIds: string[];
}

/** What every service offers its operators: the events that it gave up on, and another try. */
export function createOpsHandlers(options: {
  bus: Bus;
  database: Database;
  service: string;
  consumers: readonly Consumer[];
}): Implementation {
  const { bus, database, service, consumers } = options;
  const query = [service, 'ListDeadLetters'];
  const inTurn = createSerial();

  /**
   * A repeat that comes while the first is at work finds its answer, and not an empty list, whichever process it comes to.
   * Within this process they wait outside of the lock: each that waits for it has a connection, and the work needs some.
   * The one that has it is idle for as long as the work takes.
   */
  function oneAtATime<Result>(work: () => Promise<Result>): Promise<Result> {
    return inTurn(() =>
      database.transaction(async (tx) => {
        await tx`
          select set_config('idle_in_transaction_session_timeout', ${limits.deadlineMsMax}::text, true),
            pg_advisory_xact_lock(hashtextextended(${`replay ${database.schema}`}, 0))`;
        return work();
      }),
    );
  }

  async function replay(letter: DeadLetter): Promise<boolean> {
    const consumer = consumers.find(({ name }) => name === letter.consumer);
    if (consumer === undefined) return false;
    try {
      await consumer.replay(letter.event);
    } catch {
      // It stays in the list, with the failure that the consumer logged.
      return false;
    }
    await removeDeadLetter(bus, service, letter);
    return true;
  }

  async function replayAll(eventIds: readonly string[]): Promise<Replayed | DeadLetterNotFound> {
    const wanted = new Set(eventIds);
    const letters = (await readDeadLetters(bus, service, 0, limits.deadLettersMax)).filter(
      ({ event }) => wanted.has(event.id),
    );
    const known = new Set(letters.map(({ event }) => event.id));
    const missing = eventIds.find((id) => !known.has(id));
    if (missing !== undefined) return new DeadLetterNotFound({ event_id: missing });
    const failed = new Set<string>();
    for (const letter of letters) {
      if (!(await replay(letter))) failed.add(letter.event.id);
    }
    return { replayedCount: known.size - failed.size, failedEventIds: [...failed] };
  }

  return implement(OpsService, {
    async listDeadLetters({ pageSize, pageToken }) {
      const after = decodeNumberToken(query, pageToken) ?? 0n;
      const size = pageSize || pageSizeDefault;
      const letters = await readDeadLetters(bus, service, Number(after), size + 1);
      const { page, nextPageToken } = cutPage(letters, size, (last) =>
        encodePageToken(query, [String(last.sequence)]),
      );
      return { deadLetters: page.map(toProto), nextPageToken };
    },

    replayDeadLetters: (request, call) =>
      oneAtATime(async () => {
        const key = requestKey(call, request);
        // Each event has a transaction of its own, so the answer is known after them; recorded, it is final. That is done
        // also when whoever asked has gone: they could not ask again, for the events are off the list.
        const replayed = (await isAnswered(database, key))
          ? undefined
          : await replayAll(request.eventIds);
        const record = async () => {
          assert(replayed !== undefined, 'what was answered once is answered from the record');
          if (replayed instanceof DeadLetterNotFound) throw replayed;
          return replayed;
        };
        return detached({ timeoutMs: limits.statementMsMax }, () =>
          answerOnce<typeof ReplayDeadLettersResponseSchema>(database, call, key, record),
        );
      }),
  });
}

function toProto(letter: DeadLetter) {
  return {
    eventId: letter.event.id,
    consumer: letter.consumer,
    eventType: letter.event.type,
    attemptCount: letter.attempts,
    failure: letter.failure,
    failTime: timestampFromMs(letter.failedAt),
  };
}

/** Runs one piece of work after the other. */
function createSerial(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}
