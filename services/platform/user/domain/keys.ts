/** When a signing key is published, signs and goes. Pure. */
import { limits } from '../domain.ts';

export interface KeyTimes {
  /** Milliseconds since the epoch, both. */
  readonly publishedAt: number;
  readonly signsFrom: number;
}

/**
 * The key that signs now: the newest whose time has come. On a clock that is behind the one by which the first was made
 * none has come, and then it is that one: nobody goes by an older.
 */
export function signingKeyOf<Key extends KeyTimes>(
  keys: readonly Key[],
  now: number,
): Key | undefined {
  return newest(keys.filter(({ signsFrom }) => signsFrom <= now)) ?? newestFirst(keys).at(-1);
}

/** The key that is published and will sign, while a rotation is under way. */
export function nextKeyOf<Key extends KeyTimes>(
  keys: readonly Key[],
  now: number,
): Key | undefined {
  return newest(keys.filter(({ signsFrom }) => signsFrom > now));
}

/** Whether the present key has signed for long enough and nothing follows it yet. */
export function isRotationDue(keys: readonly KeyTimes[], now: number): boolean {
  const last = newest(keys);
  return last === undefined || last.signsFrom + limits.keySignMsMax <= now;
}

/** Keys whose last token has expired on every clock: a newer one has been signing for longer than a token lives. */
export function retiredKeys<Key extends KeyTimes>(keys: readonly Key[], now: number): Key[] {
  const heirs = keys.filter(
    ({ signsFrom }) => signsFrom + limits.accessTokenMs + limits.clockSkewMs <= now,
  );
  const heir = newest(heirs);
  return heir === undefined ? [] : keys.filter(({ signsFrom }) => signsFrom < heir.signsFrom);
}

function newest<Key extends KeyTimes>(keys: readonly Key[]): Key | undefined {
  return newestFirst(keys)[0];
}

function newestFirst<Key extends KeyTimes>(keys: readonly Key[]): Key[] {
  return keys.toSorted((a, b) => b.signsFrom - a.signsFrom);
}
