/**
 * Answers each mutation once. The record of a request (who, which method, which id, a hash of the message, the answer)
 * is written in the transaction of its effect; whoever asks again gets the recorded answer, byte for byte, for ever.
 * Refusals are recorded too: a retry must not do what the caller already believes refused.
 */
import type { DescMessage, Message, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { DomainError } from '../errors.ts';
import type { Outcome } from '../load/coalesce.ts';
import type { Call } from '../rpc/server/call.ts';
import { retryCollisions } from './collision.ts';
import type { Database, Tx } from './database.ts';
import { idOfKey, type RequestKey } from './request-key.ts';
import {
  type Answer,
  findRecords,
  insertRecords,
  isAnswer,
  type KeyedRequest,
  type RequestRecord,
  toOutcome,
  toRecord,
} from './request-records.ts';

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

/** One mutation of a batch, with what the work needs to know of it. */
export interface Mutation<Item> extends KeyedRequest {
  item: Item;
}

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

async function attempt<Item>(
  how: { database: Database; domain: string; work: BatchWork<Item> },
  tx: Tx,
  mutations: readonly Mutation<Item>[],
  isLooking: boolean,
): Promise<Outcome<Message>[]> {
  const records = isLooking ? await findRecords(tx, mutations) : new Map<string, RequestRecord>();
  const fresh = new Map<string, Mutation<Item>>();
  for (const mutation of mutations) {
    const id = idOfKey(mutation.key);
    if (!records.has(id) && !fresh.has(id)) fresh.set(id, mutation);
  }
  if (fresh.size > 0) {
    const entries = [...fresh.values()];
    const items = entries.map((entry) => entry.item);
    const outcomes = await how.work(tx, items);
    const made = entries.map((entry, i) => toRecord(entry, how.domain, outcomes[i]!));
    insertRecords(how.database, tx, entries, made);
    entries.forEach((entry, i) => {
      records.set(idOfKey(entry.key), made[i]!);
    });
  }
  return mutations.map((mutation) => toOutcome(mutation, records.get(idOfKey(mutation.key))!));
}

/**
 * For mutations whose answer is known only after their transaction (a saga, a provider's call): the answers recorded so
 * far, undefined where there is none. The caller sees to it that a request under way is joined and not begun again.
 */
export async function findAnswers(
  tx: Tx,
  requests: readonly KeyedRequest[],
): Promise<(Outcome<Message> | undefined)[]> {
  const records = await findRecords(tx, requests);
  return requests.map((request) => {
    const record = records.get(idOfKey(request.key));
    return record && toOutcome(request, record);
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
  answers: readonly (KeyedRequest & { outcome: Outcome<Answer> })[],
): void {
  if (answers.length === 0) return;
  const records = answers.map((answer) => toRecord(answer, domain, answer.outcome));
  insertRecords(database, tx, answers, records);
}
