/** What a verdict is bound to. Pure. */
import { hash } from 'node:crypto';
import type { Intent, Leg } from '../domain.ts';

/**
 * The id of the transaction that a request asks for. It follows from who asks and their request_id, so that a repeated
 * request is the same transaction to everybody who hears of it, and begins with the time of a request_id of version 7, so
 * that new transactions lie together. Version 8 (RFC 9562, section 5.8).
 *
 * Takes the scope that tells callers and methods apart, and the request_id, in lower case.
 */
export function transactionIdOf(scope: string, requestId: string): string {
  const digest = hash('sha256', `${scope}\n${requestId}`, 'hex');
  const variant = (8 + (Number.parseInt(digest[15]!, 16) & 3)).toString(16);
  const node = digest.slice(20, 32);
  return `${requestId.slice(0, 13)}-8${digest.slice(12, 15)}-${variant}${digest.slice(16, 19)}-${node}`;
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
  return hash('sha256', text, 'buffer');
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
