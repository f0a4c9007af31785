/** People who own one of everything that the mesh keeps for a person. */
import { uuidv7 } from '#kit/ids.ts';
import type { Shop } from '#services/commerce/order/testing.ts';
import { type Headers, signUpAndIn } from './account.ts';
import { type Belongings, makeBelongings, type Name, type Names } from './belongings.ts';

/** A person, and all that is theirs. */
export interface Owner {
  id: string;
  headers: Headers;
  /** The things of all services, by the name of the fields that name them. */
  names: Names;
  /** Texts by which any of it would show. */
  traces: readonly string[];
  /** The services of which `stir` changes something, "<domain>.<service>". */
  stirred: readonly string[];
  /** Makes every stream tell them something more. */
  stir(): Promise<void>;
}

/**
 * Signs somebody up and in who owns one of everything: `mark` is in all texts that describe them, and the `quantity` of
 * what they buy makes their amounts known.
 */
export async function createOwner(shop: Shop, mark: string, quantity: bigint): Promise<Owner> {
  const account = await signUpAndIn(shop.network, { mark, quantity, requestId: uuidv7() });
  const made = await makeBelongings(shop, account);
  await shop.settle();
  const all = [...made.values()];
  const names = { ...togetherIn(all), request_id: [account.requestId] };
  const traces = [mark, ...all.flatMap((each) => each.traces ?? []), ...textsOf(names)];
  const stirring = [...made].filter(([, { stir }]) => stir !== undefined);
  return {
    id: account.id,
    headers: account.headers,
    names,
    traces,
    stirred: stirring.map(([service]) => service),
    async stir() {
      for (const [, { stir }] of stirring) traces.push(...(await stir!()));
      await shop.settle();
    },
  };
}

/** The names of all services: two of them may have fields that are called alike. */
function togetherIn(all: readonly Belongings[]): Names {
  const names: Record<string, (string | Name)[]> = {};
  for (const [field, more] of all.flatMap((each) => Object.entries(each.names))) {
    names[field] = [...(names[field] ?? []), ...more];
  }
  return names;
}

function textsOf(names: Names): string[] {
  const theirs = Object.values(names).flat();
  return theirs
    .map((name) => (typeof name === 'string' ? name : name.theirs))
    .filter((name) => typeof name === 'string');
}
