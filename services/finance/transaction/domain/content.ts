/** What a verdict is bound to. Pure. */
import { sha256, uuidAfter } from '#kit/derived-id.ts';
import type { Intent, Leg } from '../domain.ts';

/**
 * The id of the transaction that a request asks for. It follows from who asks and their request_id, so that a repeated
 * request is the same transaction to everybody who hears of it. Takes the scope that tells callers and methods apart.
 */
export function transactionIdOf(scope: string, requestId: string): string {
  return uuidAfter(requestId, scope);
}

/**
 * Binds a verdict to a transaction: the SHA-256 of its id, its type, and the accounts, amounts and currencies of its legs.
 * The CHECK of the table computes it from the row that is posted; the two must write the same text.
 */
export function contentHashOf({
  transactionId,
  type,
  legs,
}: Pick<Intent, 'transactionId' | 'type' | 'legs'>): Buffer {
  const { sourceId, destinationId, amountMinor, currency } = legs[0]!;
  const further = furtherLegsText(legs) ?? '';
  const text = `${transactionId}|${type}|${sourceId}|${destinationId}|${amountMinor}|${currency}|${further}`;
  return sha256(text);
}

/** The legs behind the first, as the table keeps them; null when there are none. */
export function furtherLegsText(legs: readonly Leg[]): string | null {
  if (legs.length === 1) return null;
  return legs
    .slice(1)
    .map((leg) => [leg.sourceId, leg.destinationId, leg.amountMinor, leg.currency].join(' '))
    .join(',');
}

/** The legs of which that is the text. */
export function parseFurtherLegs(text: string | null): Leg[] {
  if (text === null) return [];
  return text.split(',').map((leg) => {
    const [sourceId, destinationId, amount, currency] = leg.split(' ') as [
      string,
      string,
      string,
      string,
    ];
    return { sourceId, destinationId, amountMinor: BigInt(amount), currency };
  });
}
