import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signServiceToken } from '#kit/identity/service-token.ts';

/** Secrets of a local mesh that must survive restarts: what is encrypted or signed with them does. */
export interface LocalSecrets {
  SIGNING_KEY_SECRET: string;
  PROVIDER_WEBHOOK_SECRET: string;
  MESHWORK_AUDIT_SECRET: string;
  AUDIT_VAULT_SECRET: string;
  AUDIT_SIGNING_SECRET: string;
  SCREENING_SECRET: string;
  ACCOUNT_VAULT_SECRET: string;
  ACCOUNT_INDEX_SECRET: string;
  /** The first member of the staff; with these, `npm start` puts the demo shop up. */
  BOOTSTRAP_STAFF_EMAIL: string;
  BOOTSTRAP_STAFF_PASSWORD: string;
}

/**
 * Reads the secrets of a data folder and makes those that it does not have: all of them at the first start. The file is
 * for its owner only, and is there as a whole or not at all.
 */
export function localSecrets(dataDir: string): LocalSecrets {
  const file = join(dataDir, 'secrets.json');
  const known = readSecrets(file);
  const secrets: LocalSecrets = {
    SIGNING_KEY_SECRET: makeSecret(),
    PROVIDER_WEBHOOK_SECRET: makeSecret(),
    MESHWORK_AUDIT_SECRET: makeSecret(),
    AUDIT_VAULT_SECRET: makeSecret(),
    AUDIT_SIGNING_SECRET: makeSecret(),
    SCREENING_SECRET: makeSecret(),
    ACCOUNT_VAULT_SECRET: makeSecret(),
    ACCOUNT_INDEX_SECRET: makeSecret(),
    BOOTSTRAP_STAFF_EMAIL: 'staff@meshwork.example',
    BOOTSTRAP_STAFF_PASSWORD: randomBytes(18).toString('base64url'),
    ...known,
  };
  if (Object.keys(known).length === Object.keys(secrets).length) return secrets;
  mkdirSync(dataDir, { recursive: true });
  const text = `${JSON.stringify(secrets, null, 2)}\n`;
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return secrets;
}

function readSecrets(file: string): Partial<LocalSecrets> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LocalSecrets;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return {};
  }
}

function makeSecret(): string {
  return randomBytes(32).toString('base64');
}

/** Longer than any local mesh runs; each start makes new ones. */
const tokenMs = 365 * 24 * 3_600_000;

/** By what the services of one start know each other, where there are no certificates. */
export type ServiceIdentity = ReturnType<typeof createServiceIdentity>;

/** Makes the key pair of one start. The private key never leaves this process. */
export function createServiceIdentity() {
  const keys = generateKeyPairSync('ed25519');
  const publicKey = keys.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const token = (service: string) =>
    signServiceToken(service, Date.now() + tokenMs, keys.privateKey);
  return {
    publicKey,
    token,
    /** The settings of a process that hosts these services. */
    environment: (services: readonly string[]): Record<string, string> => ({
      MESHWORK_SERVICE_KEY: publicKey,
      MESHWORK_SERVICE_TOKENS: JSON.stringify(
        Object.fromEntries(services.map((service) => [service, token(service)])),
      ),
    }),
  };
}
