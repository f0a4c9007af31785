import type { UserService } from '#gen/platform/user/v1/user_pb.ts';
import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import type { Sealer } from '#kit/identity/sealer.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import type { Vault } from '#kit/vault/vault.ts';
import type { DetailsVault } from './details.ts';
import type { Eraser } from './erasing.ts';
import type { Ledger } from './ledger.ts';
import type { Opener } from './opening.ts';
import type { ErasureStore } from './store/erasures.ts';
import type { Store } from './store.ts';

/** What the handlers of this service work with. */
export interface AccountDeps {
  database: Database;
  store: Store;
  erasures: ErasureStore;
  vault: Vault;
  details: DetailsVault;
  ledger: Ledger;
  opener: Opener;
  eraser: Eraser;
  users: Client<typeof UserService>;
  /** Draws the digits of a number. */
  drawDigits: (count: number) => string;
  /** Keeps what could be guessed of a request out of its record. */
  sealer: Sealer;
  clock: Clock;
}
