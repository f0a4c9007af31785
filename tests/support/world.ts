/** A whole mesh, with people in it. */
import type { NetworkOptions } from '#kit/testing/network.ts';
import { type Shop, startShop } from '#services/commerce/order/testing.ts';
import { clientsOf, password } from '#services/platform/user/testing.ts';
import { registry } from '#services/registry.ts';
import type { Headers } from './account.ts';
import { createOwner, type Owner } from './owner.ts';
import { patiently } from './patience.ts';

const gateway = 'platform.gateway';

/** Somebody with an account, a session and nothing else. */
export interface Stranger {
  id: string;
  headers: Headers;
  password: string;
}

export interface World extends Shop {
  /** Signs somebody up and in who owns one of everything, see createOwner. */
  owner(mark: string, quantity: bigint): Promise<Owner>;
  /** Signs somebody up and in who owns nothing else. */
  newcomer(): Promise<Stranger>;
}

/** Starts every service. */
export async function startWorld(options: Partial<NetworkOptions> = {}): Promise<World> {
  // What the gateway forwards to must be there before it.
  const names = registry.map(({ name }) => name).filter((name) => name !== gateway);
  const shop = await startShop({ services: [...names, gateway], ...options });
  return {
    ...shop,
    get sandbox() {
      return shop.sandbox;
    },
    // Whoever could not finish remains; another one is there instead.
    owner: (mark, quantity) =>
      patiently((attempt) =>
        createOwner(shop, attempt === 0 ? mark : `${mark}${attempt}`, quantity),
      ),
    newcomer: async () => {
      const { id, headers } = await patiently(() => clientsOf(shop.network).person());
      return { id, headers, password };
    },
  };
}
