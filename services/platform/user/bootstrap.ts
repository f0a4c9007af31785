import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Logger } from '#kit/telemetry/log.ts';
import { checkPassword, normalizeEmail, type User } from './domain.ts';
import { userCreated } from './events.ts';
import type { Passwords } from './passwords.ts';
import type { UserStore } from './store/users.ts';

/**
 * Makes the first member of the staff from the settings. An account that has the address already stays as it is, or
 * whoever signed up with it first would become staff. Processes that start together make one account.
 */
export async function bootstrapStaff(deps: {
  settings: Readonly<Record<string, string>>;
  database: Database;
  users: UserStore;
  passwords: Passwords;
  clock: Clock;
  log: Logger;
}): Promise<void> {
  const { settings, database, users, passwords, clock, log } = deps;
  const { BOOTSTRAP_STAFF_EMAIL: address = '', BOOTSTRAP_STAFF_PASSWORD: password = '' } = settings;
  if (address === '' || password === '') return;
  const email = normalizeEmail(address);
  const present = await users.findByEmail(email);
  if (present !== undefined) {
    if (!present.user.roles.includes('STAFF')) log.warn('staff.bootstrap_address_taken');
    return;
  }
  checkPassword({ password, email });
  const passwordHash = await passwords.hash(password);
  const now = clock.now();
  const user: User = {
    userId: uuidv7(now),
    email,
    name: 'Staff',
    phone: '',
    roles: ['CUSTOMER', 'STAFF'],
    status: 'ACTIVE',
    version: 1n,
    createdAt: now,
    updatedAt: now,
  };
  await database.transaction(async (tx) => {
    if (await users.insertUser(tx, { user, passwordHash })) {
      publish(database, tx, [userCreated(user)]);
    }
  });
}
