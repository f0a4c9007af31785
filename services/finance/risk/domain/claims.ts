/** Whose windows a transaction counts in, and with how much. Pure. */
import { type Facts, FactsOutOfRange, int64Max, type Leg } from '../domain.ts';

/** What one transaction takes of the windows of one subject. */
export interface Claim {
  readonly subject: string;
  readonly amountMinor: bigint;
}

/** An account, a person or a pair of accounts, as its windows are found by it. */
export interface Subjects {
  readonly account: string;
  readonly person: string;
  readonly counterparty: string;
}

/**
 * Whose windows a leg counts in; nobody's when the system's account is debited. Of letters, digits, dashes and slashes
 * alone: such texts go into statements as they are.
 */
export function subjectsOf({ source, destination, currency }: Leg): Subjects | undefined {
  if (source.ownerId === '') return undefined;
  return {
    account: `account/${source.accountId}`,
    person: `person/${source.ownerId}/${currency}`,
    counterparty: `counterparty/${source.accountId}/${destination.accountId}`,
  };
}

/**
 * What a transaction takes of all windows: each subject once, with all that it pays. Throws FactsOutOfRange when that does
 * not fit into 64 bits.
 */
export function claimsOf({ transactionId, legs }: Facts): readonly Claim[] {
  const claims: { subject: string; amountMinor: bigint }[] = [];
  for (const leg of legs) {
    const subjects = subjectsOf(leg);
    if (subjects === undefined) continue;
    for (const subject of [subjects.account, subjects.person, subjects.counterparty]) {
      // There are three for most transactions, and sixty at most: a search costs less than a map.
      const known = claims.find((claim) => claim.subject === subject);
      if (known === undefined) claims.push({ subject, amountMinor: leg.amountMinor });
      else known.amountMinor += leg.amountMinor;
    }
  }
  if (claims.every(({ amountMinor }) => amountMinor <= int64Max)) return claims;
  throw new FactsOutOfRange({ transaction_id: transactionId, field: 'legs' });
}
