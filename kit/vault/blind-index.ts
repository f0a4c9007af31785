/** Finds sealed fields again by what they hold, which their bytes do not show. */
import { createSealer } from '../identity/sealer.ts';

/** Makes tokens for one field. A token is the same whenever the text is. */
export interface BlindIndex {
  /** What is kept beside the sealed field. */
  token(text: string): Buffer;
  /** What is looked for: the token under each secret, so that none has to be made anew when the secret changes. */
  tokens(text: string): Buffer[];
}

/** So many bytes of a token make two texts with one token unlikely, below billions of records. */
const tokenBytesDefault = 16;

/**
 * Makes the index of a field, named "schema.table.field". `secrets` are as those of a vault, and others than those: the
 * first one writes, all of them find. Texts that are the same to their service (an email in capitals) are made so before.
 *
 * Equal texts have equal tokens, so who reads the table sees which records have a field in common; where the texts are few,
 * as with years of birth, a short token (`tokenBytes`) or an index over two fields together tells less, and what is found
 * has to be compared. Whoever holds a secret can try guesses: tokens of a person go when the person is erased.
 */
export function createBlindIndex(
  secrets: string,
  field: string,
  { tokenBytes = tokenBytesDefault }: { tokenBytes?: number } = {},
): BlindIndex {
  const sealer = createSealer(secrets, `${field} blind index`);
  const cut = (digest: Buffer) => digest.subarray(0, tokenBytes);
  return {
    token: (text) => cut(sealer.digest(text)),
    tokens: (text) => sealer.digests(text).map(cut),
  };
}
