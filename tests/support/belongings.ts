/** What a person owns of each service, which says so in a file of its own in tests/support/belongings/. */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import type { Shop } from '#services/commerce/order/testing.ts';
import { root } from '#tools/run.ts';
import type { Account } from './account.ts';

/** What to do when a person lacks something. */
export const whereToAdd = 'add to tests/support/belongings/<domain>-<service>.ts';

/** How a field names a thing of somebody, and how it names one that is nobody's. */
export interface Name {
  theirs: string | Uint8Array;
  nobodys: string | Uint8Array;
}

/** Names by the fields that hold them: order_id. A text alone stands beside a UUID that is nobody's. */
export type Names = Readonly<Record<string, readonly (string | Name)[]>>;

/** What one person owns of one service. */
export interface Belongings {
  /** At least two of each thing, so that a list of them has a second page. The first is the most telling. */
  names: Names;
  /** Texts by which the things show, beside their names and the mark. */
  traces?: readonly string[];
  /** For a service that streams: makes each stream tell its person something more. Answers ids of what came to be. */
  stir?: () => Promise<readonly string[]>;
}

/** Makes them through the gateway, with the mark of whoever has the account in every text. */
export type MakeBelongings = (shop: Shop, account: Account) => Promise<Belongings>;

/**
 * Makes what each `tests/support/belongings/<domain>-<service>.ts` exports as `belongings`, in the order of their names;
 * answers it by "<domain>.<service>".
 */
export async function makeBelongings(
  shop: Shop,
  account: Account,
): Promise<ReadonlyMap<string, Belongings>> {
  const made = new Map<string, Belongings>();
  for (const file of globSync('tests/support/belongings/*.ts', { cwd: root }).toSorted()) {
    const { belongings }: { belongings: MakeBelongings } = await import(`${root}${file}`);
    made.set(basename(file, '.ts').replace('-', '.'), await belongings(shop, account));
  }
  return made;
}
