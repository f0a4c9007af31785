import type { UserSchema } from '#gen/platform/user/v1/user_pb.ts';
import type { Cached } from '#kit/cache/cached.ts';
import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import type { Sealer } from '#kit/identity/sealer.ts';
import type { Attempts } from './attempts.ts';
import type { Keyring } from './keyring.ts';
import type { Passwords } from './passwords.ts';
import type { RefreshTokens } from './refresh-token.ts';
import type { AddressStore } from './store/addresses.ts';
import type { SessionStore } from './store/sessions.ts';
import type { UserStore } from './store/users.ts';

/** What the handlers work with. */
export interface UserDeps {
  database: Database;
  users: UserStore;
  addresses: AddressStore;
  sessions: SessionStore;
  /** People as others read them, through the cache. */
  views: Cached<typeof UserSchema>;
  passwords: Passwords;
  attempts: Attempts;
  keyring: Keyring;
  refreshTokens: RefreshTokens;
  /** For the log of requests: what is answered here is personal, and what is asked may hold a password. */
  sealer: Sealer;
  clock: Clock;
}
