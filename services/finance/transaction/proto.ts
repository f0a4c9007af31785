/** Domain to proto and back. */
import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Money } from '#gen/common/v1/money_pb.ts';
import {
  Awaiting,
  FailureReason,
  LedgerAccountStatus,
  LedgerAccountStatusSchema,
  type Movement,
  ReviewSchema,
  type Transaction as TransactionMessage,
  TransactionStatus,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import {
  AccountTypeSchema,
  type AccountType as AccountTypeValue,
  TransactionType,
  TransactionTypeSchema,
  VerdictAction,
  VerdictSchema,
} from '#gen/finance/transaction/v1/verdict_pb.ts';
import {
  type Account,
  type AccountStatus,
  type AccountType,
  availableOf,
  type Leg,
  type Transaction,
  type TransactionType as Type,
  type Verdict,
} from './domain.ts';
import type { ListedEntry } from './store/reads.ts';

/** Who reads it: its customers, services of the mesh, which also see who asked, or staff, who see why. */
export type Reader = 'customer' | 'services' | 'staff';

export function transactionToProto(transaction: Transaction, reader: Reader): TransactionMessage {
  const message = toMessage(transaction);
  if (reader === 'customer') return message;
  message.initiatorId = transaction.initiatorId ?? '';
  if (reader === 'services') {
    // Events are kept for days in many places: what people wrote stays here.
    message.reference = '';
    return message;
  }
  const { verdicts, reviews } = transaction;
  message.riskVerdict = verdicts && verdictToProto(verdicts.risk);
  message.complianceVerdict = verdicts?.compliance && verdictToProto(verdicts.compliance);
  message.reviews = reviews.map(({ createdAt, ...review }) =>
    create(ReviewSchema, { ...review, createTime: timestampFromMs(createdAt) }),
  );
  return message;
}

// Messages of which each transfer has some are written out with every field: `create` takes as long as all else that is done
// with a transfer in its process.

function toMessage(transaction: Transaction): TransactionMessage {
  const { awaits, legs, failure, createdAt, updatedAt, expiresAt } = transaction;
  const [first, ...further] = legs;
  return {
    $typeName: 'finance.transaction.v1.Transaction',
    transactionId: transaction.transactionId,
    type: TransactionType[transaction.type],
    status: TransactionStatus[transaction.status],
    awaits: awaits === undefined ? Awaiting.UNSPECIFIED : Awaiting[awaits],
    sourceAccountId: first!.sourceId,
    destinationAccountId: first!.destinationId,
    amount: amountToProto(first!),
    furtherLegs: further.map(movementToProto),
    capturedMinor: transaction.capturedMinor,
    reference: transaction.reference,
    reversesTransactionId: transaction.reversesId ?? '',
    reversedByTransactionId: transaction.reversedById ?? '',
    failureReason: failure === undefined ? FailureReason.UNSPECIFIED : FailureReason[failure],
    createTime: timeToProto(createdAt),
    updateTime: timeToProto(updatedAt),
    expireTime: expiresAt === undefined ? undefined : timeToProto(expiresAt),
    initiatorId: '',
    riskVerdict: undefined,
    complianceVerdict: undefined,
    reviews: [],
    sourceOwnerId: '',
    destinationOwnerId: '',
  };
}

export function amountToProto({ currency, amountMinor }: Leg): Money {
  return { $typeName: 'common.v1.Money', currencyCode: currency, amountMinor };
}

/** Milliseconds since the epoch. */
export function timeToProto(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return {
    $typeName: 'google.protobuf.Timestamp',
    seconds: BigInt(seconds),
    nanos: (ms - 1000 * seconds) * 1_000_000,
  };
}

function movementToProto(leg: Leg): Movement {
  return {
    $typeName: 'finance.transaction.v1.Movement',
    sourceAccountId: leg.sourceId,
    destinationAccountId: leg.destinationId,
    amount: amountToProto(leg),
  };
}

function verdictToProto(verdict: Verdict) {
  const { decisionId, action, contentHash, ruleSetVersion, findings, expiresAt } = verdict;
  return create(VerdictSchema, {
    decisionId,
    action: VerdictAction[action],
    contentHash,
    ruleSetVersion,
    findings: findings.map((finding) => ({ ...finding, action: VerdictAction[finding.action] })),
    expireTime: timestampFromMs(expiresAt),
  });
}

export function balanceToProto(account: Account) {
  return {
    accountId: account.accountId,
    currencyCode: account.currency,
    postedMinor: account.posted,
    heldMinor: account.held,
    incomingMinor: account.incoming,
    availableMinor: availableOf(account) ?? 0n,
    creditLimitMinor: account.floor === undefined ? 0n : -account.floor,
    status: LedgerAccountStatus[account.status],
    sequence: account.sequence,
    version: account.version,
    updateTime: timestampFromMs(account.updatedAt),
    ownerId: account.ownerId,
  };
}

export function entryToProto(entry: ListedEntry) {
  const { postedAt, type, ...rest } = entry;
  return { ...rest, createTime: timestampFromMs(postedAt), type: TransactionType[type] };
}

/** The three take values that the contract defines: others were refused before. */
export function transactionTypeOf(value: TransactionType): Type {
  return TransactionTypeSchema.value[value]!.localName as Type;
}

export function accountTypeOf(value: AccountTypeValue): AccountType {
  return AccountTypeSchema.value[value]!.localName as AccountType;
}

export function accountStatusOf(value: LedgerAccountStatus): AccountStatus {
  return LedgerAccountStatusSchema.value[value]!.localName as AccountStatus;
}
