/** What becomes known of a request to move money, on its way through the interceptors to the writer. */
import type { DescMessage, Message } from '@bufbuild/protobuf';
import {
  type AuthorizeTransactionRequest,
  AuthorizeTransactionRequestSchema,
  AuthorizeTransactionResponseSchema,
  type BatchExecuteTransactionsRequest,
  BatchExecuteTransactionsRequestSchema,
  type ExecuteTransactionRequest,
  ExecuteTransactionRequestSchema,
  ExecuteTransactionResponseSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import type { TransactionFacts } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { type RequestKey, requestKey } from '#kit/db/request-key.ts';
import { assert, DomainError } from '#kit/errors.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import { moverOf } from '../callers.ts';
import { contentHashOf, transactionIdOf } from '../domain/content.ts';
import { checkParties, firstLegOf } from '../domain/parties.ts';
import {
  type AccountIdentity,
  accountIdsOf,
  type Hold,
  type Intent,
  type Leg,
  limits,
  type Verdict,
} from '../domain.ts';
import { transactionTypeOf } from '../proto.ts';
import { factsOf } from './facts.ts';

/** A request to move money. */
export type MovingRequest = ExecuteTransactionRequest | AuthorizeTransactionRequest;

/** One request with what was found out about it. The interceptors fill it in turn. */
export interface Examination {
  readonly key: RequestKey;
  readonly response: DescMessage;
  readonly intent: Intent;
  readonly hold: Hold | undefined;
  readonly contentHash: Buffer;
  /** What is decided upon; undefined when it is refused. */
  readonly facts: TransactionFacts | undefined;
  /** Why nobody needs to be asked: it is refused, and the refusal recorded. */
  readonly refusal: DomainError<Record<string, string>> | undefined;
  /** Why it cannot be decided now: it fails, and nothing is recorded. */
  failure: Error | undefined;
  risk: Verdict | undefined;
  compliance: Verdict | undefined;
}

const examinations = new WeakMap<Message, Examination>();

/** What the interceptors found out about a request. Only for requests that passed them. */
export function examinationOf(request: MovingRequest): Examination {
  const found = examinations.get(request);
  assert(found !== undefined, 'a request to move money has passed the interceptors');
  return found;
}

/** The requests to move money that a call brings; none for the methods that bring none. */
export function movingRequestsOf(call: Call, message: Message): readonly MovingRequest[] {
  switch (call.method.input.typeName) {
    case ExecuteTransactionRequestSchema.typeName:
    case AuthorizeTransactionRequestSchema.typeName:
      return [message as MovingRequest];
    case BatchExecuteTransactionsRequestSchema.typeName:
      return (message as BatchExecuteTransactionsRequest).requests;
    default:
      return [];
  }
}

/** How requests are examined. */
export interface Examiner {
  /** Reads what never changes of accounts; unknown ones are left out. */
  readAccounts(accountIds: readonly string[]): Promise<Map<string, AccountIdentity>>;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Begins to examine requests: reads their accounts, all at once, and holds them to what can be known without a lock. */
export async function examine(
  requests: readonly MovingRequest[],
  call: Call,
  { readAccounts, now }: Examiner,
): Promise<Examination[]> {
  const begun = requests.map((request) => begin(request, call));
  const named = begun.flatMap(({ intent, refusal }) => (refusal ? [] : accountIdsOf(intent.legs)));
  const accounts = await readAccounts([...new Set(named)]);
  return begun.map((each, i) => {
    const refusal =
      each.refusal ?? attempt(() => checkParties(each.intent, (id) => accounts.get(id))).refusal;
    const examination: Examination = {
      ...each,
      refusal,
      facts: refusal ? undefined : factsOf(each, accounts, now()),
      failure: undefined,
      risk: undefined,
      compliance: undefined,
    };
    examinations.set(requests[i]!, examination);
    return examination;
  });
}

function begin(request: MovingRequest, call: Call) {
  const initiator = moverOf(call, request.onBehalfOfUserId);
  const isAuthorization = request.$typeName === AuthorizeTransactionRequestSchema.typeName;
  const schema = isAuthorization
    ? AuthorizeTransactionRequestSchema
    : ExecuteTransactionRequestSchema;
  const key = requestKey(call, request, schema);
  const type = transactionTypeOf(request.type);
  const named = legOf(request);
  const { value: first = named, refusal } = attempt(() => firstLegOf(type, named, initiator));
  const intent: Intent = {
    transactionId: transactionIdOf(key.scope, key.requestId),
    type,
    legs: [first, ...request.furtherLegs.map(legOf)],
    reference: request.reference,
    initiator,
  };
  const seconds =
    'holdSeconds' in request ? request.holdSeconds || limits.holdSecondsDefault : undefined;
  return {
    key,
    response: isAuthorization
      ? AuthorizeTransactionResponseSchema
      : ExecuteTransactionResponseSchema,
    intent,
    contentHash: contentHashOf(intent),
    hold: seconds === undefined ? undefined : { seconds },
    refusal,
  };
}

function legOf(movement: {
  sourceAccountId: string;
  destinationAccountId: string;
  amount?: { currencyCode: string; amountMinor: bigint } | undefined;
}): Leg {
  const { sourceAccountId, destinationAccountId, amount } = movement;
  return {
    sourceId: sourceAccountId.toLowerCase(),
    destinationId: destinationAccountId.toLowerCase(),
    amountMinor: amount!.amountMinor,
    currency: amount!.currencyCode,
  };
}

function attempt<Value>(step: () => Value): { value?: Value; refusal?: Examination['refusal'] } {
  try {
    return { value: step() };
  } catch (error) {
    if (error instanceof DomainError) return { refusal: error };
    throw error;
  }
}
