import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import { createEntrySealer } from '#kit/audit/made-entry.ts';
import { createSealer } from '#kit/identity/sealer.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceModule } from '#kit/service.ts';
import { createVault } from '#kit/vault/vault.ts';
import { createSubscriptions } from './events.ts';
import { createEntries } from './ingest.ts';
import { createSigner } from './log/note.ts';
import { createAuditRpc } from './rpc.ts';
import { createSealing } from './sealing.ts';
import { createStore } from './store.ts';

export const audit: ServiceModule = {
  name: 'platform.audit',
  usesVault: true,
  migrations: new URL('./migrations/', import.meta.url),
  create({ database, clock, settings }) {
    const store = createStore(database);
    const vaultSecret = settings.AUDIT_VAULT_SECRET!;
    const vault = createVault(database, vaultSecret);
    const entries = createEntries({ vault, store, sql: database.sql });
    const origin = settings.AUDIT_LOG_NAME!;
    const signers = settings
      .AUDIT_SIGNING_SECRET!.split(',')
      .map((secret) => createSigner(origin, secret.trim()));
    const log = { origin, signers };
    const sealer = createSealer(vaultSecret, 'platform.audit');
    const rpc = createAuditRpc({ database, store, vault, entries, log, sealer, clock });
    return {
      implementations: [implement(AuditService, rpc)],
      subscriptions: createSubscriptions({
        entries,
        sealer: createEntrySealer(settings.MESHWORK_AUDIT_SECRET!),
      }),
      jobs: [createSealing({ database, store, log }), vault.rewrapping],
    };
  },
};
