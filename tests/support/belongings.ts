/** What a person owns of the services that say so themselves: one file for each in tests/support/belongings/. */
import { globSync } from 'node:fs';
import type { Shop } from '#services/commerce/order/testing.ts';
import { root } from '#tools/run.ts';

export type Headers = { authorization: string };

/** How somebody is described, and what they want. */
export interface Sketch {
  /** In every text of theirs. */
  mark: string;
  /** How many units they buy each time, by which their amounts are known. */
  quantity: bigint;
  /** Of the first call of each method: ids are unique only for one person and one method. */
  requestId: string;
}

/** Ids of things, by the name of the fields that name them: order_id. */
export type Ids = Record<string, string[]>;

/**
 * Makes at least two things of a service through the gateway, in the name of whoever has these headers, so that a list of
 * them has a second page. Answers their ids; the first of each is the most telling.
 */
export type Belongings = (shop: Shop, headers: Headers, sketch: Sketch) => Promise<Ids>;

/** Makes what each `tests/support/belongings/<domain>-<service>.ts` exports as `belongings`; nothing where none is. */
export async function makeBelongings(shop: Shop, headers: Headers, sketch: Sketch): Promise<Ids> {
  const all: Ids = {};
  for (const file of globSync('tests/support/belongings/*.ts', { cwd: root }).toSorted()) {
    const { belongings }: { belongings: Belongings } = await import(`${root}${file}`);
    addIds(all, await belongings(shop, headers, sketch));
  }
  return all;
}

/** Adds ids to those that there are: two services may name their fields alike. */
export function addIds(all: Ids, more: Ids): void {
  for (const [field, ids] of Object.entries(more)) all[field] = [...(all[field] ?? []), ...ids];
}
