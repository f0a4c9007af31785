/** The accounts of the system: where money is that no customer owns. Pure. */
import { currencyCodes } from '#kit/currency.ts';
import { uuidOf } from '#kit/derived-id.ts';
import type { Account } from '../domain.ts';

/** What the system has an account for, in each currency. */
export type Purpose = 'OUTSIDE' | 'CARDS' | 'SHOP' | 'FEES' | 'EXCHANGE';

const purposes: readonly Purpose[] = ['OUTSIDE', 'CARDS', 'SHOP', 'FEES', 'EXCHANGE'];

/** The id of a system account: the same in every mesh, so that nobody has to look it up. */
export function systemAccountId(purpose: Purpose, currency: string): string {
  return idsByName.get(`${purpose} ${currency}`)!;
}

const idsByName = new Map(
  currencyCodes.flatMap((currency) =>
    purposes.map((purpose) => [
      `${purpose} ${currency}`,
      uuidOf('finance.transaction', purpose, currency),
    ]),
  ),
);

const currenciesById = new Map([...idsByName].map(([name, id]) => [id, name.split(' ')[1]!]));

/** A system account before its first entry; undefined for any other id. It has no floor: what is outside has no end. */
export function newSystemAccount(accountId: string): Account | undefined {
  const currency = currenciesById.get(accountId);
  if (currency === undefined) return undefined;
  return {
    accountId,
    ownerId: undefined,
    type: undefined,
    currency,
    openedAt: 0,
    status: 'ACTIVE',
    floor: undefined,
    posted: 0n,
    held: 0n,
    incoming: 0n,
    sequence: 0n,
    version: 0n,
    changeId: '',
    updatedAt: 0,
  };
}
