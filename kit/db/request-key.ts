import { type DescMessage, type Message, toBinary } from '@bufbuild/protobuf';
import { draftEntry, type EntryDraft } from '../audit/draft.ts';
import { sha256 } from '../derived-id.ts';
import type { Sealer } from '../identity/sealer.ts';
import type { Call } from '../rpc/server/call.ts';

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
  /** Of an audited call: what its entry is made of when it succeeds. */
  entry?: EntryDraft | undefined;
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
  const entry = draftEntry(call, schema, request);
  if (sealer === undefined) {
    return { requestId, scope, hash: sha256(bytes), entry };
  }
  const [present, ...formerHashes] = sealer.digests('request', bytes);
  return { requestId, scope, hash: present, formerHashes, sealer, entry };
}

/** What tells keys apart: the name of a record, and what its answer is sealed with. */
export function idOfKey(key: RequestKey): string {
  return `${key.requestId} ${key.scope}`;
}
