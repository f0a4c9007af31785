import {
  FailureReason,
  FailureReasonSchema,
  type Transaction,
  type TransactionService,
  TransactionStatus,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { RpcError } from '#kit/errors.ts';
import { createRecent } from '#kit/recent.ts';
import type { CallOptions, Client } from '#kit/rpc/client/client.ts';
import { limits } from './domain.ts';

type Contract = Client<typeof TransactionService>;
type Asked<Method extends keyof Contract> = Parameters<Contract[Method]>[0];

/** What came of a request: the transaction as the answer has it, or the reason why the ledger will never do it. */
export type Said = { transaction: Transaction } | { refusal: string; transactionId?: string };

/** The ledger, as this service asks it. Each function throws when it does not answer, or not for good. */
export interface Ledger {
  authorize(request: Asked<'authorizeTransaction'>): Promise<Said>;
  capture(request: Asked<'captureTransaction'>): Promise<Said>;
  void(request: Asked<'voidTransaction'>): Promise<Said>;
  execute(request: Asked<'executeTransaction'>): Promise<Said>;
  /** A transaction as it is now; undefined when there is none. */
  read(transactionId: string): Promise<Transaction | undefined>;
  /** The user whom an account belongs to: empty for the system's own, undefined when there is no such account. */
  ownerOf(accountId: string): Promise<string | undefined>;
  /** Ends calls in flight. */
  close(): void;
}

/** Refusals that stay, whoever asks how often; all others may be otherwise the next time. */
const finalReasons: ReadonlySet<string> = new Set([
  'ACCOUNT_CLOSED',
  'ACCOUNT_FROZEN',
  'ACCOUNT_NOT_FOUND',
  'BALANCE_OUT_OF_RANGE',
  'CAPTURE_TOO_LARGE',
  'CURRENCY_MISMATCH',
  'INSUFFICIENT_FUNDS',
  'REQUEST_ID_REUSED',
  'SAME_ACCOUNT',
  'TRANSACTION_DENIED',
  'TRANSACTION_NOT_OPEN',
  'UNKNOWN_CURRENCY',
]);

export function createLedger(client: Contract): Ledger {
  const closed = new AbortController();
  const options: CallOptions = { signal: closed.signal };
  // Whose an account is never changes.
  const owners = createRecent<string>(limits.knownOwnersMax);

  return {
    authorize: (request) => said(client.authorizeTransaction(request, options)),
    capture: (request) => said(client.captureTransaction(request, options)),
    void: (request) => said(client.voidTransaction(request, options)),
    execute: (request) => said(client.executeTransaction(request, options)),

    async read(transactionId) {
      const found = client.getTransaction({ transactionId }, options);
      return (await orMissing(found, 'TRANSACTION_NOT_FOUND'))?.transaction;
    },

    async ownerOf(accountId) {
      const known = owners.get(accountId);
      if (known !== undefined) return known;
      const found = client.getBalances({ accountIds: [accountId] }, options);
      const answer = await orMissing(found, 'ACCOUNT_NOT_FOUND');
      const ownerId = answer?.balances[0]?.ownerId;
      if (ownerId !== undefined) owners.set(accountId, ownerId);
      return ownerId;
    },

    close: () => closed.abort(),
  };
}

/** Whether the ledger holds the money of a transaction; a review may still have to decide it. */
export function isHeld({ status }: Transaction): boolean {
  return status === TransactionStatus.PENDING || status === TransactionStatus.PROCESSING;
}

/** Why a transaction came to nothing: in the words of the refusal where there is one. */
export function failureOf({ failureReason }: Transaction): string {
  if (failureReason === FailureReason.DENIED) return 'TRANSACTION_DENIED';
  return FailureReasonSchema.value[failureReason]?.localName ?? 'UNSPECIFIED';
}

async function said(asked: Promise<{ transaction?: Transaction }>): Promise<Said> {
  try {
    return { transaction: (await asked).transaction! };
  } catch (error) {
    if (!(error instanceof RpcError && finalReasons.has(error.reason))) throw error;
    const { transaction_id: transactionId } = error.metadata;
    return { refusal: error.reason, ...(transactionId && { transactionId }) };
  }
}

async function orMissing<Answer>(asked: Promise<Answer>, reason: string) {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RpcError && error.reason === reason) return undefined;
    throw error;
  }
}
