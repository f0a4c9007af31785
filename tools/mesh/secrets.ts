import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signServiceToken } from '#kit/identity/service-token.ts';

/** Secrets of a local mesh that must survive restarts: what is encrypted or signed with them does. */
export interface LocalSecrets {
  SIGNING_KEY_SECRET: string;
  PROVIDER_WEBHOOK_SECRET: string;
  SCREENING_SECRET: string;
  /** The first member of the staff; with these, `npm start` puts the demo shop up. */
  BOOTSTRAP_STAFF_EMAIL: string;
  BOOTSTRAP_STAFF_PASSWORD: string;
}

/**
 * Reads the secrets of a data folder, and makes those that are not there yet: all at the first start, and later those of
 * services that came since. The file is for its owner only.
 */
export function localSecrets(dataDir: string): LocalSecrets {
  const file = join(dataDir, 'secrets.json');
  const known = readSecrets(file);
  const made: LocalSecrets = {
    SIGNING_KEY_SECRET: randomBytes(32).toString('base64'),
    PROVIDER_WEBHOOK_SECRET: randomBytes(32).toString('base64'),
    SCREENING_SECRET: randomBytes(32).toString('base64'),
    BOOTSTRAP_STAFF_EMAIL: 'staff@meshwork.example',
    BOOTSTRAP_STAFF_PASSWORD: randomBytes(18).toString('base64url'),
    ...known,
  };
  if (Object.keys(made).every((name) => name in known)) return made;
  mkdirSync(dataDir, { recursive: true });
  // Renamed into place: a start that is killed here leaves the secrets that were there.
  writeFileSync(`${file}.new`, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return made;
}

function readSecrets(file: string): Partial<LocalSecrets> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<LocalSecrets>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
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
