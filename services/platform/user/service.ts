import { create } from '@bufbuild/protobuf';
import { KeyService } from '#gen/platform/identity/v1/identity_pb.ts';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { UserSchema, UserService } from '#gen/platform/user/v1/user_pb.ts';
import type { Cache } from '#kit/cache/cache.ts';
import { createCached } from '#kit/cache/cached.ts';
import { ensureRevocationStream } from '#kit/identity/revocations.ts';
import { createSealer } from '#kit/identity/sealer.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceModule } from '#kit/service.ts';
import { createAttempts } from './attempts.ts';
import { bootstrapStaff } from './bootstrap.ts';
import type { UserDeps } from './deps.ts';
import { limits } from './domain.ts';
import { createKeyJob, createSweepJob } from './jobs.ts';
import { openKeyring } from './keyring.ts';
import { argon2, createPasswords, type Hasher } from './passwords.ts';
import { userToProto } from './proto.ts';
import { createRefreshTokens } from './refresh-token.ts';
import { createKeyRpc } from './rpc/keys.ts';
import { createSessionRpc } from './rpc/sessions.ts';
import { createUserRpc } from './rpc/users.ts';
import { createAddressStore } from './store/addresses.ts';
import { createAttemptStore } from './store/attempts.ts';
import { createKeyStore } from './store/keys.ts';
import { createSessionStore } from './store/sessions.ts';
import { createUserStore, type UserStore } from './store/users.ts';

/** `hasher` is replaced by tests that count. */
export function createUserModule(hasher: Hasher): ServiceModule {
  return {
    name: 'platform.user',
    migrations: new URL('./migrations/', import.meta.url),
    async create({ database, bus, cache, clock, log, settings }) {
      await ensureRevocationStream(bus);
      const sealer = createSealer(settings.SIGNING_KEY_SECRET ?? '', 'platform.user');
      const users = createUserStore(database);
      const sessions = createSessionStore(database);
      const attemptStore = createAttemptStore(database);
      const passwords = await createPasswords(hasher);
      const keyring = await openKeyring({
        database,
        store: createKeyStore(database),
        sealer,
        clock,
      });
      await bootstrapStaff({ settings, database, users, passwords, clock, log });
      const deps: UserDeps = {
        database,
        users,
        addresses: createAddressStore(database),
        sessions,
        views: createViews(await cache(), users),
        passwords,
        attempts: createAttempts({ store: attemptStore, sealer, clock }),
        keyring,
        refreshTokens: createRefreshTokens(sealer),
        sealer,
        clock,
      };
      return {
        implementations: [
          implement(UserService, createUserRpc(deps)),
          implement(SessionService, createSessionRpc(deps)),
          implement(KeyService, createKeyRpc(deps)),
        ],
        jobs: [createKeyJob(keyring), createSweepJob({ sessions, attempts: attemptStore, clock })],
      };
    },
  };
}

function createViews(cache: Cache, users: UserStore) {
  return createCached({
    cache,
    name: 'user',
    schema: UserSchema,
    ttlMs: limits.viewMsMax,
    timeoutMs: limits.readMsMax,
    async load(userIds) {
      const found = await users.readUsers(userIds);
      return new Map([...found].map(([id, user]) => [id, create(UserSchema, userToProto(user))]));
    },
  });
}

export const user = createUserModule(argon2);
