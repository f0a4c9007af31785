/**
 * Answers each mutation once. The record of a request (who, which method, which id, a hash of the message, the answer)
 * is written in the transaction of its effect; whoever asks again gets the recorded answer, byte for byte, for ever.
 * Refusals are recorded too: a retry must not do what the caller already believes refused.
 */
import { hash } from 'node:crypto';
import {
  create,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { StatusSchema } from '#gen/google/rpc/status_pb.ts';
import { DomainError } from '../errors.ts';
import type { Sealer } from '../identity/sealer.ts';
import { limits } from '../limits.ts';
import type { Outcome } from '../load/coalesce.ts';
import { Conflict, isOfTheMoment, RequestIdReused } from '../mesh-errors.ts';
import type { Call } from '../rpc/call.ts';
import { recordedRefusal, statusOfDomainError } from '../rpc/status.ts';
import { byteaArray } from './arrays.ts';
import type { Database, Tx } from './database.ts';
import { isUndone, sqlState } from './errors.ts';

/** What identifies a request, and what tells whether it is the same one. */
export interface RequestKey {
  requestId: string;
  /** "<caller>/<method>". */
  scope: string;
  /** SHA-256 of the message, keyed where there is a sealer. */
  hash: Buffer;
  /** The hashes that it had under earlier secrets of the sealer. */
  formerHashes?: readonly Buffer[];
  /** Keeps the recorded answer unreadable. */
  sealer?: Sealer | undefined;
}

/**
 * The key of the call being answered. `schema` differs from the call's own for items of a batch method.
 *
 * Methods whose request holds what could be guessed, or whose answer holds what the service keeps nowhere else in clear,
 * give a `sealer`: a bare hash of a password could be tried against guesses, and answers are kept for ever. A random
 * token, as of a card, needs none: the hash is as hard to try as the token is to guess.
 *
 * Callers whom nobody knows share the scope "anonymous". That is safe because the hash covers the whole message: who
 * repeats a stranger's request_id gets REQUEST_ID_REUSED and nothing else, unless they repeat every byte of the request.
 * So a public method must answer with no more than its whole request proves; and where that holds a password, repeating
 * is a way to test one, which the method has to count.
 */
export function requestKey(
  call: Call,
  request: Message & { requestId: string },
  schema: DescMessage = call.method.input,
  sealer?: Sealer,
): RequestKey {
  const { user, service } = call.caller;
  const caller = user?.id ?? service ?? 'anonymous';
  // The request message names the method, so an item of a batch and the single call share their records.
  const method = schema.name.replace(/Request$/, '');
  const requestId = request.requestId.toLowerCase();
  const scope = `${caller}/${method}`;
  const bytes = toBinary(schema, request);
  if (sealer === undefined) return { requestId, scope, hash: hash('sha256', bytes, 'buffer') };
  const [present, ...formerHashes] = sealer.digests('request', bytes);
  return { requestId, scope, hash: present, formerHashes, sealer };
}

/** Whether there is an answer under this key, to this request or to another: work before the transaction may be saved. */
export async function isAnswered(database: Database, key: RequestKey): Promise<boolean> {
  const rows = await database.sql`
    select from request_log where request_id = ${key.requestId} and scope = ${key.scope}`;
  return rows.length > 0;
}

/**
 * Does one mutation once: `work` runs in a transaction in which its answer is recorded as well. When `work` throws a
 * DomainError, what it wrote is undone and the refusal is recorded, unless it is one of the moment (kit/mesh-errors.ts).
 * Concurrent calls with the same key wait for the first and get its answer. Throws RequestIdReused when the recorded
 * request was another one.
 */
export async function answerOnce<Response extends DescMessage>(
  database: Database,
  call: Call,
  key: RequestKey,
  work: (tx: Tx) => Promise<MessageInitShape<Response>>,
): Promise<MessageShape<Response>> {
  const request = { key, response: call.method.output, item: undefined };
  const [outcome] = await answerBatchOnce(
    database,
    call.method.parent.typeName,
    [request],
    async (tx) => [await database.savepoint(tx, work).then(toValue, toRefusal)],
  );
  if ('error' in outcome!) throw outcome.error;
  return outcome!.value as MessageShape<Response>;
}

function toValue(value: unknown) {
  return { value: value as Answer };
}

function toRefusal(error: unknown): { error: DomainError } {
  if (isAnswer(error)) return { error };
  throw error;
}

/** Only what the domain refused is an answer. A deadline that ended in the middle, say, is none: all of it is undone. */
function isAnswer(error: unknown): error is DomainError {
  return error instanceof DomainError && !isOfTheMoment(error);
}

/** One mutation of a batch: its key, the message type of its answer, and what the work needs to know. */
export interface Mutation<Item> {
  key: RequestKey;
  response: DescMessage;
  item: Item;
}

/** A response of any type, or its initialiser. */
export type Answer = MessageInitShape<DescMessage>;

/**
 * Does a batch of mutations once each. `work` gets the items that were not answered before, and answers one outcome for
 * each, in order: a response, or the DomainError of an item that was refused and has left no trace. Items of the batch
 * that share a key get one answer. `domain` is the full name of the service that refuses. `work` may throw Collision
 * when it finds that another process was faster; the whole batch is then done anew.
 *
 * Writes that `work` need not wait for it gives to Database.defer: they go out together with the records of the answers
 * and the commit, in one round trip. With `expectFresh` nobody looks for earlier answers first: the records themselves
 * then show a repeat, which undoes the batch and does it again with a look. It saves a query per batch where repeats are
 * rare.
 */
export function answerBatchOnce<Item>(
  database: Database,
  domain: string,
  mutations: readonly Mutation<Item>[],
  work: BatchWork<Item>,
  options: { expectFresh?: boolean } = {},
): Promise<Outcome<Message>[]> {
  let looks = options.expectFresh !== true;
  return retryCollisions(() => {
    const isLooking = looks;
    looks = true;
    return database.transaction((tx) =>
      attempt({ database, domain, work }, tx, mutations, isLooking),
    );
  });
}

/** Does the items in the transaction that records their answers: one outcome each, in order. See answerBatchOnce. */
export type BatchWork<Item> = (tx: Tx, items: Item[]) => Promise<Outcome<Answer>[]>;

/**
 * Does `work`, which is one transaction, again when another process was faster or the two were deadlocked. Throws
 * Conflict when that goes on.
 */
export async function retryCollisions<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let collisions = 0; collisions < limits.collisionsMax; collisions += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Collision) && !isUndone(error)) throw error;
    }
  }
  throw new Conflict();
}

/**
 * For mutations whose answer is known only after their transaction (a saga, a provider's call): the answers recorded so
 * far, undefined where there is none. The caller sees to it that a request under way is joined and not begun again.
 */
export async function findAnswers(
  tx: Tx,
  mutations: readonly Omit<Mutation<unknown>, 'item'>[],
): Promise<(Outcome<Message> | undefined)[]> {
  const recorded = await find(tx, mutations);
  return mutations.map((mutation) => {
    const found = recorded.get(idOf(mutation.key));
    return found && toOutcome(mutation, found);
  });
}

/**
 * Records answers that are known now, in the transaction that made them true and together with its commit, which throws
 * Collision when one is there.
 */
export function recordAnswers(
  database: Database,
  tx: Tx,
  domain: string,
  answers: readonly (Omit<Mutation<unknown>, 'item'> & { outcome: Outcome<Answer> })[],
): void {
  if (answers.length === 0) return;
  const records = answers.map((answer) => toRecord(answer, domain, answer.outcome));
  record(database, tx, answers, records);
}

/** Another process was faster: undo, look again. */
export class Collision extends Error {}

/** An answer as it is kept, and the message itself while we still have it. */
interface Kept {
  response: Uint8Array | null;
  refusal: Uint8Array | null;
  message?: Message;
}

type Recorded = Kept & { hash: Buffer };

async function attempt<Item>(
  how: { database: Database; domain: string; work: BatchWork<Item> },
  tx: Tx,
  mutations: readonly Mutation<Item>[],
  isLooking: boolean,
): Promise<Outcome<Message>[]> {
  const recorded = isLooking ? await find(tx, mutations) : new Map<string, Recorded>();
  const fresh = new Map<string, Mutation<Item>>();
  for (const mutation of mutations) {
    const id = idOf(mutation.key);
    if (!recorded.has(id) && !fresh.has(id)) fresh.set(id, mutation);
  }
  if (fresh.size > 0) {
    const entries = [...fresh.values()];
    const items = entries.map((entry) => entry.item);
    const outcomes = await how.work(tx, items);
    const records = entries.map((entry, i) => toRecord(entry, how.domain, outcomes[i]!));
    record(how.database, tx, entries, records);
    entries.forEach((entry, i) => {
      recorded.set(idOf(entry.key), { hash: entry.key.hash, ...records[i]! });
    });
  }
  return mutations.map((mutation) => toOutcome(mutation, recorded.get(idOf(mutation.key))!));
}

function idOf(key: RequestKey): string {
  return `${key.requestId} ${key.scope}`;
}

async function find(tx: Tx, items: readonly { key: RequestKey }[]): Promise<Map<string, Recorded>> {
  const rows = await tx<(Recorded & { request_id: string; scope: string })[]>`
    select l.request_id, l.scope, l.request_hash as hash, l.response, l.refusal
    from unnest(
      ${items.map(({ key }) => key.requestId)}::uuid[],
      ${items.map(({ key }) => key.scope)}::text[]
    ) as k (request_id, scope)
    join request_log l on l.request_id = k.request_id and l.scope = k.scope`;
  return new Map(rows.map((row) => [`${row.request_id} ${row.scope}`, row]));
}

function toRecord(
  { key, response }: Omit<Mutation<unknown>, 'item'>,
  domain: string,
  outcome: Outcome<Answer>,
): Kept {
  if ('value' in outcome) {
    const message = create(response, outcome.value);
    const bytes = toBinary(response, message);
    return { response: key.sealer?.seal(bytes, idOf(key)) ?? bytes, refusal: null, message };
  }
  // Anything else undoes the batch.
  if (!isAnswer(outcome.error)) throw outcome.error;
  const status = statusOfDomainError(outcome.error, domain);
  return { response: null, refusal: toBinary(StatusSchema, status) };
}

function record(
  database: Database,
  tx: Tx,
  entries: readonly { key: RequestKey }[],
  records: readonly Kept[],
): void {
  // Ordered, so that two processes which record the same requests do not wait for each other in a circle. A plain insert,
  // whose conflict is an error: `on conflict` would write every row twice to the log of the database.
  const bytes = (values: readonly (Uint8Array | null)[]) => tx.typed(values, byteaArray);
  const statement = tx`
    insert into request_log (request_id, scope, request_hash, response, refusal)
    select * from unnest(
      ${entries.map(({ key }) => key.requestId)}::uuid[],
      ${entries.map(({ key }) => key.scope)}::text[],
      ${bytes(entries.map(({ key }) => key.hash))},
      ${bytes(records.map(({ response }) => response))},
      ${bytes(records.map(({ refusal }) => refusal))}
    ) as t (request_id, scope, hash, response, refusal)
    order by request_id, scope`;
  database.defer(tx, statement, asCollision('request_log_pkey'));
}

/**
 * For the insert of rows that another process may have made meanwhile: a violation of the named constraint becomes a
 * Collision.
 */
export function asCollision(constraint: string): (error: unknown) => never {
  return (error) => {
    const isOurs = (error as { constraint_name?: unknown }).constraint_name === constraint;
    throw isOurs && sqlState(error) === uniqueViolation ? new Collision() : error;
  };
}

const uniqueViolation = '23505';

function toOutcome(
  { key, response }: Omit<Mutation<unknown>, 'item'>,
  found: Recorded,
): Outcome<Message> {
  const isRecorded = (hash: Buffer) => hash.equals(found.hash);
  if (!isRecorded(key.hash) && !key.formerHashes?.some(isRecorded)) {
    return { error: new RequestIdReused({ request_id: key.requestId }) };
  }
  if (found.message !== undefined) return { value: found.message };
  if (found.response !== null) {
    const bytes = key.sealer?.open(found.response, idOf(key)) ?? found.response;
    return { value: fromBinary(response, bytes) };
  }
  return { error: recordedRefusal(fromBinary(StatusSchema, found.refusal!)) };
}
