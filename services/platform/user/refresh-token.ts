import { hash, randomBytes } from 'node:crypto';
import { isSameDigest, type Sealer } from '#kit/identity/sealer.ts';
import { RefreshTokenInvalid } from './domain.ts';

/**
 * A refresh token is the session's id, 256 random bits and a mark, in base64url. The bits make it unguessable; of them
 * only the digest is stored. The mark, a keyed digest of the rest, tells a token that was good once from a forged one,
 * without a list of all that ever were.
 */
export interface RefreshTokens {
  make(sessionId: string): { token: string; digest: string };
  /** What a token says of itself. Throws RefreshTokenInvalid for what cannot be one. */
  read(token: string): { sessionId: string; digest: string; isGenuine: boolean };
}

const idBytes = 16;
const randomPartBytes = 32;
const markBytes = 16;

export function createRefreshTokens(sealer: Sealer): RefreshTokens {
  const marksOf = (body: Buffer) =>
    sealer.digests('refresh token', body).map((digest) => digest.subarray(0, markBytes));

  return {
    make(sessionId) {
      const id = Buffer.from(sessionId.replaceAll('-', ''), 'hex');
      const body = Buffer.concat([id, randomBytes(randomPartBytes)]);
      const token = Buffer.concat([body, marksOf(body)[0]!]).toString('base64url');
      return { token, digest: digestOf(token) };
    },
    read(token) {
      const bytes = Buffer.from(token, 'base64url');
      const isWhole = bytes.length === idBytes + randomPartBytes + markBytes;
      if (!isWhole || bytes.toString('base64url') !== token) throw new RefreshTokenInvalid();
      const body = bytes.subarray(0, idBytes + randomPartBytes);
      return {
        sessionId: toUuid(bytes.subarray(0, idBytes)),
        digest: digestOf(token),
        isGenuine: marksOf(body).some((mark) => isSameDigest(bytes.subarray(body.length), mark)),
      };
    },
  };
}

function digestOf(token: string): string {
  return hash('sha256', token, 'hex');
}

function toUuid(bytes: Buffer): string {
  const text = bytes.toString('hex');
  return [8, 12, 16, 20].reduceRight((out, at) => `${out.slice(0, at)}-${out.slice(at)}`, text);
}
