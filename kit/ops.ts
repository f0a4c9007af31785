import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { OpsService } from '#gen/platform/ops/v1/ops_pb.ts';
import type { Bus } from './bus/bus.ts';
import type { Consumer } from './bus/consumer.ts';
import { type DeadLetter, readDeadLetters, removeDeadLetter } from './bus/dead-letters.ts';
import type { Database } from './db/database.ts';
import { DomainError } from './errors.ts';
import { cutPage, decodePageToken, encodePageToken } from './page.ts';
import { type Implementation, implement } from './rpc/handlers.ts';

class DeadLetterNotFound extends DomainError<{ event_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'DEAD_LETTER_NOT_FOUND';
}

const pageSizeDefault = 50;
/** Dead letters that one replay looks through to find those it was asked for. */
const searchMax = 10_000;

/** What every service offers its operators: the events that it gave up on, and another try. */
export function createOpsHandlers(options: {
  bus: Bus;
  database: Database;
  service: string;
  consumers: readonly Consumer[];
}): Implementation {
  const { bus, service, consumers } = options;
  const query = [service, 'ListDeadLetters'];

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

  return implement(OpsService, {
    async listDeadLetters({ pageSize, pageToken }) {
      const [after = '0'] = decodePageToken(query, pageToken, 1) ?? [];
      const size = pageSize || pageSizeDefault;
      const letters = await readDeadLetters(bus, service, Number(after), size + 1);
      const { page, nextPageToken } = cutPage(letters, size, (last) =>
        encodePageToken(query, [String(last.sequence)]),
      );
      return { deadLetters: page.map(toProto), nextPageToken };
    },

    async replayDeadLetters({ eventIds }) {
      const wanted = new Set(eventIds);
      const letters = (await readDeadLetters(bus, service, 0, searchMax)).filter(({ event }) =>
        wanted.has(event.id),
      );
      const known = new Set(letters.map(({ event }) => event.id));
      const missing = eventIds.find((id) => !known.has(id));
      if (missing !== undefined) throw new DeadLetterNotFound({ event_id: missing });
      const failed = new Set<string>();
      for (const letter of letters) {
        if (!(await replay(letter))) failed.add(letter.event.id);
      }
      return { replayedCount: known.size - failed.size, failedEventIds: [...failed] };
    },
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
