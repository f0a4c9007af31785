/** How answers are kept: the rows of request_log, and what is made of them. */
import {
  create,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { StatusSchema } from '#gen/google/rpc/status_pb.ts';
import { publishEntries } from '../audit/entries.ts';
import { DomainError } from '../errors.ts';
import type { Outcome } from '../load/coalesce.ts';
import { isOfTheMoment, RequestIdReused } from '../mesh-errors.ts';
import { noteBytes } from '../rpc/codec.ts';
import { recordedRefusal, statusOfDomainError } from '../rpc/status.ts';
import { byteaArray } from './arrays.ts';
import { asCollision } from './collision.ts';
import type { Database, Tx } from './database.ts';
import { idOfKey, type RequestKey } from './request-key.ts';

/** A request by its key, and the message type of its answer. */
export interface KeyedRequest {
  key: RequestKey;
  response: DescMessage;
}

/** A response of any type, or its initialiser. */
export type Answer = MessageInitShape<DescMessage>;

/** One request and its answer as they are kept: the response, or else the refusal. */
export interface RequestRecord {
  hash: Buffer;
  response: Uint8Array | null;
  refusal: Uint8Array | null;
  /** The response itself, of a record that was made just now. */
  message?: Message;
}

/** Reads what is recorded of these requests, by the ids of their keys; where there is nothing, nothing. */
export async function findRecords(
  tx: Tx,
  requests: readonly KeyedRequest[],
): Promise<Map<string, RequestRecord>> {
  const rows = await tx<(RequestRecord & { request_id: string; scope: string })[]>`
    select l.request_id, l.scope, l.request_hash as hash, l.response, l.refusal
    from unnest(
      ${requests.map(({ key }) => key.requestId)}::uuid[],
      ${requests.map(({ key }) => key.scope)}::text[]
    ) as k (request_id, scope)
    join request_log l on l.request_id = k.request_id and l.scope = k.scope`;
  return new Map(rows.map((row) => [`${row.request_id} ${row.scope}`, row]));
}

/** `domain` is the full name of the service that refuses. Throws what is no answer, so that the transaction is undone. */
export function toRecord(
  { key, response }: KeyedRequest,
  domain: string,
  outcome: Outcome<Answer>,
): RequestRecord {
  const { hash } = key;
  if ('value' in outcome) {
    const message = create(response, outcome.value);
    const bytes = toBinary(response, message);
    // Who asked gets the same bytes that are kept.
    noteBytes(message, bytes);
    const sealed = key.sealer?.seal(bytes, idOfKey(key)) ?? bytes;
    return { hash, response: sealed, refusal: null, message };
  }
  if (!isAnswer(outcome.error)) throw outcome.error;
  const status = statusOfDomainError(outcome.error, domain);
  return { hash, response: null, refusal: toBinary(StatusSchema, status) };
}

/** Only what the domain refused is an answer. A deadline that ended in the middle, say, is none: all of it is undone. */
export function isAnswer(error: unknown): error is DomainError {
  return error instanceof DomainError && !isOfTheMoment(error);
}

/**
 * Writes a record for each of the requests, and an entry for the audit log for each that has succeeded and is audited,
 * together with the commit, which throws Collision when one is there.
 */
export function insertRecords(
  database: Database,
  tx: Tx,
  requests: readonly KeyedRequest[],
  records: readonly RequestRecord[],
): void {
  const rows = requests.map(({ key }, i) => ({ key, record: records[i]! }));
  database.deferRows(tx, insertRows, rows, asCollision('request_log_pkey'));
  const audited = requests.flatMap(({ key: { entry } }, i) => {
    const response = records[i]!.message;
    return entry === undefined || response === undefined ? [] : [{ draft: entry, response }];
  });
  if (audited.length > 0) publishEntries(database, tx, audited);
}

/**
 * Ordered, so that two processes which record the same requests do not wait for each other in a circle. A plain insert,
 * whose conflict is an error: `on conflict` would write every row twice to the log of the database.
 */
function insertRows(tx: Tx, rows: readonly { key: RequestKey; record: RequestRecord }[]) {
  const bytes = (values: readonly (Uint8Array | null)[]) => tx.typed(values, byteaArray);
  return tx`
    insert into request_log (request_id, scope, request_hash, response, refusal)
    select * from unnest(
      ${rows.map(({ key }) => key.requestId)}::uuid[],
      ${rows.map(({ key }) => key.scope)}::text[],
      ${bytes(rows.map(({ record }) => record.hash))},
      ${bytes(rows.map(({ record }) => record.response))},
      ${bytes(rows.map(({ record }) => record.refusal))}
    ) as t (request_id, scope, hash, response, refusal)
    order by request_id, scope`;
}

/** What a request is answered with by the record under its key: RequestIdReused when it was made for another request. */
export function toOutcome(
  { key, response }: KeyedRequest,
  record: RequestRecord,
): Outcome<Message> {
  const isRecorded = (hash: Buffer) => hash.equals(record.hash);
  if (!isRecorded(key.hash) && !key.formerHashes?.some(isRecorded)) {
    return { error: new RequestIdReused({ request_id: key.requestId }) };
  }
  if (record.message !== undefined) return { value: record.message };
  if (record.response !== null) {
    const bytes = key.sealer?.open(record.response, idOfKey(key)) ?? record.response;
    return { value: fromBinary(response, bytes) };
  }
  return { error: recordedRefusal(fromBinary(StatusSchema, record.refusal!)) };
}
