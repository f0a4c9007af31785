/** Accounts of customers, as far as they never change: status and money are the ledger's. Pure. */

export const limits = {
  accountsPerOwnerMax: 100, // closed ones included: the ledger answers for so many at once
  numberDrawsMax: 5, // of 10^12 numbers; past it something else is wrong
  pageSizeDefault: 50,
  openingMs: 5_000, // how long a call has to open its account before recovery takes over
  recoveryEveryMs: 1_000,
  recoveryBatchMax: 50,
  screeningEveryMs: 1_000,
  screeningBatchMax: 50, // customers screened at once: well within the time of one run
} as const;

export type AccountType = 'CHECKING' | 'SAVINGS' | 'CREDIT' | 'INVESTMENT';

/** An account of a customer. */
export interface Account {
  readonly accountId: string;
  /** The user id of the customer. */
  readonly ownerId: string;
  readonly type: AccountType;
  readonly currency: string;
  /** How far the balance may be below 0, in minor units; other than 0 only for CREDIT. */
  readonly creditLimitMinor: bigint;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Whether the ledger has it. */
  readonly isOpen: boolean;
}

/** What is sealed of an account and its holder. */
export interface Details {
  readonly number: string;
  readonly legalName: string;
  readonly taxId: string;
}

/** What a tax id is found by: the same however it was written. */
export function normalizeTaxId(taxId: string): string {
  return taxId.replace(/[ ./-]/g, '').toUpperCase();
}
