import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import {
  OpsService,
  ReplayDeadLettersRequestSchema,
  ReplayDeadLettersResponseSchema,
} from '#gen/platform/ops/v1/ops_pb.ts';
import { DomainError, RecordedRefusal } from '../errors.ts';
import { type Caller, nobody } from '../identity/caller.ts';
import { createSealer, type Sealer } from '../identity/sealer.ts';
import { uuidv7 } from '../ids.ts';
import { limits } from '../limits.ts';
import { Conflict, DeadlineTooShort, RequestIdReused } from '../mesh-errors.ts';
import type { Call } from '../rpc/server/call.ts';
import { Cancellation, runInScope } from '../scope.ts';
import { createTestSchema, type TestSchema } from '../testing/schema.ts';
import { asCollision, Collision } from './collision.ts';
import type { Database, Tx } from './database.ts';
import { requestKey } from './request-key.ts';
import {
  answerBatchOnce,
  answerOnce,
  findAnswers,
  isAnswered,
  recordAnswers,
} from './request-log.ts';

type Response = MessageInitShape<typeof ReplayDeadLettersResponseSchema>;

class TooLate extends DomainError<{ closed_at: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'TOO_LATE';
}

const domain = OpsService.typeName;
let testing: TestSchema;
/** Of two processes that host the same service. */
let database: Database;
let other: Database;
/** Statements that either sends. */
let sent: string[] = [];

beforeAll(async () => {
  testing = await createTestSchema(inject('servers').databaseUrl);
  const onStatement = (text: string) => sent.push(text);
  database = testing.open({ onStatement });
  other = testing.open({ onStatement });
  await database.sql`create table effect (text text primary key)`;
});
beforeEach(async () => {
  await database.sql`delete from effect`;
  sent = [];
});
afterAll(() => testing.stop());

const person = (id: string): Caller => ({
  ...nobody,
  user: { id, roles: [], sessionId: 'session', issuedAt: 0 },
});
const ada = person('ada');

/** What a handler knows of its call, as far as the record of its answer needs it. */
const callOf = (caller: Caller) =>
  ({ caller, method: OpsService.method.replayDeadLetters }) as unknown as Call;

function keyOf(requestId: string, what = '', of: { caller?: Caller; sealer?: Sealer } = {}) {
  const request = create(ReplayDeadLettersRequestSchema, { requestId, eventIds: [what] });
  return requestKey(callOf(of.caller ?? ada), request, ReplayDeadLettersRequestSchema, of.sealer);
}

/** Answers a request on one of the processes. */
const answer = (on: Database, key: ReturnType<typeof keyOf>, work: (tx: Tx) => Promise<Response>) =>
  answerOnce<typeof ReplayDeadLettersResponseSchema>(on, callOf(ada), key, work);

/** Work whose effect shows, and which answers with a number. */
const doing =
  (text: string, count = 1) =>
  async (tx: Tx) => {
    await tx`insert into effect values (${text})`;
    return { replayedCount: count };
  };

async function effects(): Promise<string[]> {
  const rows = await database.sql<{ text: string }[]>`select text from effect order by text`;
  return rows.map(({ text }) => text);
}

/** What one of several does before it goes on: it waits until so many have come. */
function meetingOf(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = count;
  return () => {
    left -= 1;
    if (left === 0) resolve();
    return promise;
  };
}

const mutation = (key: ReturnType<typeof keyOf>, item: string) => ({
  key,
  item,
  response: ReplayDeadLettersResponseSchema,
});

describe('a request', () => {
  test('is done once, and answered the same for ever, by any process', async () => {
    const key = keyOf(uuidv7());
    expect(await isAnswered(database, key)).toBe(false);
    const first = await answer(database, key, doing('a', 7));
    expect(await isAnswered(other, key)).toBe(true);
    for (const on of [database, other]) {
      const again = await answer(on, key, doing('b', 8));
      expect(toBinary(ReplayDeadLettersResponseSchema, again)).toEqual(
        toBinary(ReplayDeadLettersResponseSchema, first),
      );
    }
    expect(await effects()).toEqual(['a']);
  });

  test('that two processes do at the same moment is done once, and both have one answer', async () => {
    const key = keyOf(uuidv7());
    const meet = meetingOf(2);
    const work = (text: string, count: number) => async (tx: Tx) => {
      const done = await doing(text, count)(tx);
      // Both have looked, found nothing and written.
      await meet();
      return done;
    };
    const [one, two] = await Promise.all([
      answer(database, key, work('a', 1)),
      answer(other, key, work('b', 2)),
    ]);
    expect(one).toEqual(two);
    expect(await effects()).toEqual([one.replayedCount === 1 ? 'a' : 'b']);
  });

  test('whose id was used for another one is refused, then and at the same moment', async () => {
    const [id, raced] = [uuidv7(), uuidv7()];
    await answer(database, keyOf(id, 'one'), doing('a'));
    const reused = answer(database, keyOf(id, 'another'), doing('b'));
    await expect(reused).rejects.toThrow(RequestIdReused);

    const meet = meetingOf(2);
    const work = (text: string) => async (tx: Tx) => {
      await meet();
      return doing(text)(tx);
    };
    const results = await Promise.allSettled([
      answer(database, keyOf(raced, 'c'), work('c')),
      answer(other, keyOf(raced, 'd'), work('d')),
    ]);
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused).toMatchObject([{ reason: { reason: 'REQUEST_ID_REUSED' } }]);
    const lost = results[0].status === 'rejected' ? 'c' : 'd';
    expect(await effects()).toEqual(['a', 'c', 'd'].filter((text) => text !== lost));
  });

  test('belongs to its caller, and its id is the same in capital letters', async () => {
    const id = uuidv7();
    const work = (count: number) => async () => ({ replayedCount: count });
    await answer(database, keyOf(id), work(1));
    // Byte for byte it is another message, so it is no repeat; but nothing is done under the same id.
    const shouted = answer(database, keyOf(id.toUpperCase()), work(2));
    await expect(shouted).rejects.toThrow(RequestIdReused);
    for (const caller of [person('bob'), nobody]) {
      const own = await answer(database, keyOf(id, '', { caller }), work(3));
      expect(own.replayedCount).toBe(3);
    }
  });

  test('that is refused stays refused when the world has changed, and leaves nothing else', async () => {
    const key = keyOf(uuidv7());
    let isClosed = true;
    const work = async (tx: Tx) => {
      const done = await doing('a')(tx);
      if (isClosed) throw new TooLate({ closed_at: 'noon' });
      return done;
    };
    const refusal = { code: 'failed_precondition', reason: 'TOO_LATE' };
    await expect(answer(database, key, work)).rejects.toMatchObject(refusal);
    isClosed = false;
    const again = await answer(other, key, work).catch((error: unknown) => error);
    expect(again).toBeInstanceOf(RecordedRefusal);
    expect(again).toMatchObject({ ...refusal, domain, metadata: { closed_at: 'noon' } });
    expect(await effects()).toEqual([]);
  });

  test('that failed without a refusal is not remembered', async () => {
    const key = keyOf(uuidv7());
    const failing = answer(database, key, async (tx) => {
      await doing('a')(tx);
      throw new TypeError('a bug');
    });
    await expect(failing).rejects.toThrow(TypeError);
    expect(await isAnswered(database, key)).toBe(false);
    await answer(database, key, doing('b'));
    expect(await effects()).toEqual(['b']);
  });

  test('whose caller goes in the middle is undone, and is done when it comes again', async () => {
    const key = keyOf(uuidv7());
    const cancellation = new Cancellation();
    const scope = { deadlineAt: Date.now() + 60_000, trace: undefined, authorization: undefined };
    const asked = runInScope({ ...scope, cancellation }, () =>
      answer(database, key, async (tx) => {
        await tx`insert into effect values ('begun')`;
        cancellation.cancel();
        return doing('a')(tx);
      }),
    );
    await expect(asked).rejects.toThrow(DeadlineTooShort);
    expect(await effects()).toEqual([]);
    expect(await answer(other, key, doing('b', 3))).toMatchObject({ replayedCount: 3 });
    expect(await effects()).toEqual(['b']);
  });

  test('whose process dies before the commit has done nothing, and is done once by the next', async () => {
    const key = keyOf(uuidv7());
    const dying = answer(database, key, async (tx) => {
      const done = await doing('a')(tx);
      const [row] = await tx`select pg_backend_pid() as pid`;
      await other.sql`select pg_terminate_backend(${row!.pid as number}, 5000)`;
      return done;
    });
    await expect(dying).rejects.toThrow();
    expect(await effects()).toEqual([]);
    expect(await isAnswered(other, key)).toBe(false);
    await answer(other, key, doing('a'));
    expect(await effects()).toEqual(['a']);
  });

  test('that is sealed cannot be read or guessed from its record, and is answered again', async () => {
    const sealer = createSealer('a secret of thirty-two characters', 'request-log');
    const id = uuidv7();
    const key = keyOf(id, 'guess', { sealer });
    await answer(database, key, doing('a', 7));
    const [row] = await database.sql<{ hash: Buffer; response: Buffer }[]>`
      select request_hash as hash, response from request_log where request_id = ${id}`;
    const plain = toBinary(
      ReplayDeadLettersResponseSchema,
      create(ReplayDeadLettersResponseSchema, { replayedCount: 7 }),
    );
    expect(row!.response.includes(Buffer.from(plain))).toBe(false);
    expect(row!.hash.equals(keyOf(id, 'guess').hash)).toBe(false);
    expect((await answer(other, key, doing('b'))).replayedCount).toBe(7);
  });
});

describe('a batch', () => {
  /** Each item has an effect, and its answer says which it was. */
  const each = (seen: string[][]) => async (tx: Tx, items: string[]) => {
    seen.push(items);
    for (const item of items) await tx`insert into effect values (${item})`;
    return items.map((item) => ({ value: { failedEventIds: [item] } }));
  };

  test('does what was not answered before, and a request that comes twice in it once', async () => {
    const [old, twice, reused] = [keyOf(uuidv7()), keyOf(uuidv7()), uuidv7()];
    const seen: string[][] = [];
    await answerBatchOnce(database, domain, [mutation(old, 'old')], each(seen));
    const outcomes = await answerBatchOnce(
      database,
      domain,
      [
        mutation(twice, 'first'),
        mutation(old, 'old again'),
        mutation(twice, 'second'),
        mutation(keyOf(reused, 'one'), 'one'),
        mutation(keyOf(reused, 'another'), 'another'),
      ],
      each(seen),
    );
    expect(seen).toEqual([['old'], ['first', 'one']]);
    expect(await effects()).toEqual(['first', 'old', 'one']);
    expect(outcomes).toMatchObject([
      { value: { failedEventIds: ['first'] } },
      { value: { failedEventIds: ['old'] } },
      { value: { failedEventIds: ['first'] } },
      { value: { failedEventIds: ['one'] } },
      { error: { reason: 'REQUEST_ID_REUSED' } },
    ]);
  });

  test('keeps the refusal of one item beside the answers of others, and is undone by a bug', async () => {
    const [good, bad] = [keyOf(uuidv7()), keyOf(uuidv7())];
    const batch = [mutation(good, 'good'), mutation(bad, 'bad')];
    const withBad = (error: Error) => async (tx: Tx) => {
      const [value] = await each([])(tx, ['good']);
      return [value!, { error }];
    };
    const bug = answerBatchOnce(database, domain, batch, withBad(new TypeError('a bug')));
    await expect(bug).rejects.toThrow(TypeError);
    expect(await effects()).toEqual([]);
    expect(await isAnswered(database, good)).toBe(false);
    const outcomes = await answerBatchOnce(
      database,
      domain,
      batch,
      withBad(new TooLate({ closed_at: 'noon' })),
    );
    expect(outcomes).toMatchObject([{ value: {} }, { error: { reason: 'TOO_LATE' } }]);
    expect(await isAnswered(database, bad)).toBe(true);
  });

  test('that expects fresh requests does not look for answers, and finds a repeat all the same', async () => {
    const looks = () => sent.filter((text) => text.includes('join request_log')).length;
    const [old, fresh] = [keyOf(uuidv7()), keyOf(uuidv7())];
    const seen: string[][] = [];
    const run = (keys: ReturnType<typeof keyOf>[]) =>
      answerBatchOnce(
        database,
        domain,
        keys.map((key) => mutation(key, key === old ? 'old' : 'fresh')),
        each(seen),
        { expectFresh: true },
      );
    await run([old]);
    expect(looks()).toBe(0);
    await database.sql`delete from effect`;
    const outcomes = await run([old, fresh]);
    expect(looks()).toBe(1);
    expect(outcomes.map((outcome) => 'value' in outcome)).toEqual([true, true]);
    // What was done of the repeat was undone with the batch.
    expect(seen).toEqual([['old'], ['old', 'fresh'], ['fresh']]);
    expect(await effects()).toEqual(['fresh']);
  });

  test('is tried limits.collisionsMax times when others are faster, and no more', async () => {
    let tries = 0;
    const losing = (wins: number) => async (tx: Tx, items: string[]) => {
      tries += 1;
      if (tries < wins) throw new Collision();
      return each([])(tx, items);
    };
    const batch = () => [mutation(keyOf(uuidv7()), `item ${tries}`)];
    await answerBatchOnce(database, domain, batch(), losing(limits.collisionsMax));
    expect(tries).toBe(limits.collisionsMax);
    tries = 0;
    const never = answerBatchOnce(database, domain, batch(), losing(Number.POSITIVE_INFINITY));
    await expect(never).rejects.toThrow(Conflict);
    expect(tries).toBe(limits.collisionsMax);
  });

  test('is tried again after a deadlock, and not after an error of its own', async () => {
    let tries = 0;
    const failing = (sql: (tx: Tx) => PromiseLike<unknown>) => async (tx: Tx, items: string[]) => {
      tries += 1;
      if (tries === 1) await sql(tx);
      return each([])(tx, items);
    };
    const deadlock = (tx: Tx) => tx`do $$ begin raise sqlstate '40P01'; end $$`;
    await answerBatchOnce(database, domain, [mutation(keyOf(uuidv7()), 'a')], failing(deadlock));
    expect(tries).toBe(2);
    tries = 0;
    // A row of its own that is there already is no answer that another process gave.
    const twice = (tx: Tx) => tx`insert into effect values ('a')`;
    const own = answerBatchOnce(database, domain, [mutation(keyOf(uuidv7()), 'b')], failing(twice));
    await expect(own).rejects.toMatchObject({ code: '23505' });
    expect(tries).toBe(1);
  });
});

test('a row that is there already is a collision by the constraint that was named, and by no other', async () => {
  await database.sql`insert into effect values ('a')`;
  const insert = (constraint: string) =>
    database.transaction(async (tx) =>
      database.defer(tx, tx`insert into effect values ('a')`, asCollision(constraint)),
    );
  await expect(insert('effect_pkey')).rejects.toThrow(Collision);
  await expect(insert('another_pkey')).rejects.toMatchObject({ code: '23505' });
  const notThere = database.transaction(async (tx) =>
    database.defer(tx, tx`insert into nowhere values ('a')`, asCollision('effect_pkey')),
  );
  await expect(notThere).rejects.toMatchObject({ code: '42P01' });
});

describe('an answer that is known later', () => {
  const recordOne = (on: Database, key: ReturnType<typeof keyOf>, count: number) =>
    on.transaction(async (tx) => {
      const outcome = { value: { replayedCount: count } };
      const answered = { key, response: ReplayDeadLettersResponseSchema, outcome };
      recordAnswers(on, tx, domain, [answered]);
    });

  test('is found once it is recorded, and the records come in the order of the questions', async () => {
    const [known, unknown] = [keyOf(uuidv7(), 'known'), keyOf(uuidv7())];
    await recordOne(database, known, 3);
    const asked = [unknown, known, keyOf(known.requestId, 'another')];
    const found = await other.transaction((tx) =>
      findAnswers(
        tx,
        asked.map((key) => ({ key, response: ReplayDeadLettersResponseSchema })),
      ),
    );
    expect(found).toMatchObject([
      undefined,
      { value: { replayedCount: 3 } },
      { error: { reason: 'REQUEST_ID_REUSED' } },
    ]);
  });

  test('collides with one that is there, which stays', async () => {
    const key = keyOf(uuidv7());
    await recordOne(database, key, 3);
    await expect(recordOne(other, key, 4)).rejects.toThrow(Collision);
    expect((await answer(database, key, doing('a'))).replayedCount).toBe(3);
  });

  test('costs nothing when there is none', async () => {
    await database.transaction(async (tx) => recordAnswers(database, tx, domain, []));
    expect(sent.filter((text) => text.includes('request_log'))).toEqual([]);
  });
});
