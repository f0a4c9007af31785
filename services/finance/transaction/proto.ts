/** Domain to proto and back. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  Awaiting,
  FailureReason,
  LedgerAccountStatus,
  LedgerAccountStatusSchema,
  TransactionStatus,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import {
  AccountTypeSchema,
  type AccountType as AccountTypeValue,
  TransactionType,
  TransactionTypeSchema,
  VerdictAction,
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

export function transactionToProto(transaction: Transaction, reader: Reader) {
  const { awaits, legs, failure, verdicts, reviews, expiresAt } = transaction;
  const [first, ...further] = legs;
  const forStaff = reader === 'staff' && {
    riskVerdict: verdicts && verdictToProto(verdicts.risk),
    complianceVerdict: verdicts?.compliance && verdictToProto(verdicts.compliance),
    reviews: reviews.map(({ createdAt, ...review }) => ({
      ...review,
      createTime: timestampFromMs(createdAt),
    })),
  };
  return {
    transactionId: transaction.transactionId,
    type: TransactionType[transaction.type],
    status: TransactionStatus[transaction.status],
    awaits: awaits && Awaiting[awaits],
    sourceAccountId: first!.sourceId,
    destinationAccountId: first!.destinationId,
    amount: { currencyCode: first!.currency, amountMinor: first!.amountMinor },
    furtherLegs: further.map(movementToProto),
    capturedMinor: transaction.capturedMinor,
    // Events are kept for days in many places: what people wrote stays here.
    reference: reader === 'services' ? '' : transaction.reference,
    reversesTransactionId: transaction.reversesId,
    reversedByTransactionId: transaction.reversedById,
    failureReason: failure && FailureReason[failure],
    createTime: timestampFromMs(transaction.createdAt),
    updateTime: timestampFromMs(transaction.updatedAt),
    expireTime: expiresAt === undefined ? undefined : timestampFromMs(expiresAt),
    initiatorId: reader === 'customer' ? '' : transaction.initiatorId,
    ...forStaff,
  };
}

function movementToProto({ sourceId, destinationId, amountMinor, currency }: Leg) {
  return {
    sourceAccountId: sourceId,
    destinationAccountId: destinationId,
    amount: { currencyCode: currency, amountMinor },
  };
}

function verdictToProto(verdict: Verdict) {
  const { decisionId, action, contentHash, ruleSetVersion, findings, expiresAt } = verdict;
  return {
    decisionId,
    action: VerdictAction[action],
    contentHash,
    ruleSetVersion,
    findings: findings.map((finding) => ({ ...finding, action: VerdictAction[finding.action] })),
    expireTime: timestampFromMs(expiresAt),
  };
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
