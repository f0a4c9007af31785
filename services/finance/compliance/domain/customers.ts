/** What is known of a customer's name: whether it is on a list, and who said that it is somebody else's. Pure. */
import { type Action, graver, limits } from '../domain.ts';

/** What screening found of one customer. */
export interface Customer {
  readonly ownerId: string;
  /** Keyed: of the name itself nothing is kept. */
  readonly nameDigest: Uint8Array;
  readonly listVersion: string;
  /** What becomes of their transactions because of it. */
  readonly match: Action;
  /** Entries of the list that are like the name. */
  readonly matchedEntries: readonly string[];
  /** Entries that an analyst found to be somebody else. */
  readonly clearedEntries: readonly string[];
  /** Milliseconds since the epoch. */
  readonly screenedAt: number;
}

/** An entry of the list that is like a name. */
export interface Hit {
  readonly entryId: string;
  /** Percent. */
  readonly score: number;
}

/** One look at a customer's name. */
export interface Screening {
  readonly ownerId: string;
  readonly nameDigest: Uint8Array;
  /** Whether the name is that of the look before. */
  readonly isSameName: boolean;
  readonly listVersion: string;
  readonly hits: readonly Hit[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * A customer after a look at their name, and the entries that nobody has seen yet. What a list or another name no longer
 * shows still stands: only an analyst takes a match back. An entry that was cleared stays cleared for the same name.
 */
export function screenCustomer(
  before: Customer | undefined,
  { ownerId, nameDigest, isSameName, listVersion, hits, now }: Screening,
): { after: Customer; news: readonly Hit[] } {
  const cleared = new Set(isSameName ? before?.clearedEntries : []);
  const known = new Set(before?.matchedEntries);
  const counted = hits.filter(
    ({ entryId, score }) => score >= limits.reviewScoreMin && !cleared.has(entryId),
  );
  const news = counted.filter(({ entryId }) => !known.has(entryId));
  for (const { entryId } of news) known.add(entryId);
  const after: Customer = {
    ownerId,
    nameDigest,
    listVersion,
    match: counted.map(({ score }) => actionOf(score)).reduce(graver, before?.match ?? 'ALLOW'),
    matchedEntries: [...known],
    clearedEntries: [...cleared],
    screenedAt: now,
  };
  return { after, news };
}

function actionOf(score: number): Action {
  return score >= limits.denyScoreMin ? 'DENY' : 'REVIEW';
}

/** A customer of whom an analyst found that they are none of those on the list. */
export function clearCustomer(before: Customer): Customer {
  const cleared = [...new Set([...before.matchedEntries, ...before.clearedEntries])];
  const clearedEntries = cleared.slice(0, limits.clearedEntriesMax);
  return { ...before, match: 'ALLOW', matchedEntries: [], clearedEntries };
}

/** A customer of whom an analyst found that they are on the list. */
export function confirmCustomer(before: Customer): Customer {
  return { ...before, match: 'DENY' };
}
