/** Good and bad credentials, as a caller of the public door may bring them. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import postgres from 'postgres';
import { accessTokenRules } from '#kit/identity/access-token.ts';
import { createSealer } from '#kit/identity/sealer.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { TestMesh } from './mesh.ts';

interface Signer {
  keyId: string;
  key: KeyObject;
}

const nowSeconds = () => Date.now() / 1000;

/** Headers with every kind of bad token, signed by the mesh's own key where that is not what is bad. */
export async function badCredentials(mesh: TestMesh) {
  const ours = await readSigner(mesh);
  const theirs = generateKeyPairSync('ed25519').privateKey;
  const past = nowSeconds() - 3600;
  return {
    malformed: bearer('not.a.token'),
    'of another scheme': { authorization: 'Basic dXNlcjpwYXNz' },
    expired: bearer(await sign(ours, { expiresAt: past })),
    'just expired': bearer(await sign(ours, { expiresAt: nowSeconds() - 5 })),
    'forged and expired': bearer(await sign({ ...ours, key: theirs }, { expiresAt: past })),
    forged: bearer(await sign({ ...ours, key: theirs })),
    'signed by a stranger': bearer(await sign({ keyId: uuidv7(), key: theirs })),
    'for another audience': bearer(await sign(ours, { audience: 'others' })),
    'of another issuer': bearer(await sign(ours, { issuer: 'others' })),
  };
}

export type BadCredential = keyof Awaited<ReturnType<typeof badCredentials>>;

function bearer(token: string) {
  return { authorization: `Bearer ${token}` };
}

function sign(
  { keyId, key }: Signer,
  { expiresAt = nowSeconds() + 600, ...claims }: Partial<Claims> = {},
): Promise<string> {
  const { issuer, audience } = { ...accessTokenRules, ...claims };
  return new SignJWT({ sid: uuidv7(), roles: ['customer'] })
    .setProtectedHeader({ alg: accessTokenRules.algorithm, kid: keyId })
    .setSubject(uuidv7())
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(Math.floor(expiresAt - 600))
    .setExpirationTime(Math.floor(expiresAt))
    .sign(key);
}

interface Claims {
  /** Seconds since the epoch. */
  expiresAt: number;
  issuer: string;
  audience: string;
}

/** The key with which the mesh signs. It leaves the database for nobody else: only so can a token be old and genuine. */
async function readSigner({ servers, secrets }: TestMesh): Promise<Signer> {
  const sql = postgres(servers.databaseUrl, { max: 1 });
  const [row] = await sql<{ keyId: string; privateKey: Buffer }[]>`
    select key_id as "keyId", private_key as "privateKey" from platform_user.signing_key`;
  await sql.end();
  const { keyId, privateKey } = row!;
  const sealer = createSealer(secrets.SIGNING_KEY_SECRET, 'platform.user');
  const key = sealer.open(privateKey, `signing key ${keyId}`);
  return { keyId, key: createPrivateKey({ key, format: 'der', type: 'pkcs8' }) };
}
