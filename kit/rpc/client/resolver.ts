import { lookup as lookUpName } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { type Clock, systemClock } from '../../clock.ts';
import { assert } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { within } from '../../within.ts';
import { type Address, formatAddress, parseAddress } from '../address.ts';

/** Where a service is to be found, now and from now on. */
export interface Resolver {
  /** "host:port" of each process that offers the service. An address that appears twice counts once. */
  addresses(): readonly string[];
  /** Calls `listener` whenever the addresses may have changed. The answer unsubscribes. */
  onChange(listener: () => void): () => void;
  /** Resolves when it has first looked, found or not; absent where there is nothing to wait for. */
  looked?: Promise<void>;
  close?(): void;
}

/** Addresses that never change. */
export function createStaticResolver(addresses: readonly string[]): Resolver {
  return { addresses: () => addresses, onChange: () => () => {} };
}

/** Addresses that are set from outside: by whoever watches a registry, or by a test. */
export function createAddressList(initial: readonly string[] = []): Resolver & {
  set(addresses: readonly string[]): void;
} {
  let current = initial;
  const listeners = new Set<() => void>();
  return {
    addresses: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set(addresses) {
      current = addresses;
      for (const listener of listeners) listener();
    },
  };
}

/** The IP addresses of a host name. Rejects when there are none, or nobody answers. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/** As the system says, /etc/hosts included. */
const systemLookup: Lookup = async (name) =>
  (await lookUpName(name, { all: true })).map(({ address }) => address);

/**
 * Addresses of which some are names. A name counts as all the addresses that it has, and is looked up anew every
 * limits.namesLookMs; while it cannot be, those that it had last go on counting: the service outlives its name server. Of
 * a name with addresses of both families those of IPv4 count, for each process would count twice otherwise. Throws when an
 * address cannot be read.
 */
export function createNameResolver(
  addresses: readonly string[],
  options: { lookup?: Lookup; clock?: Clock } = {},
): Resolver {
  const { lookup = systemLookup, clock = systemClock } = options;
  const written = addresses.map(parsed);
  const names = [...new Set(written.map(({ host }) => host).filter((host) => isIP(host) === 0))];
  const known = new Map<string, readonly string[]>();
  const list = createAddressList(resolved());
  let cancelLook = () => {};
  let isClosed = false;

  function resolved(): string[] {
    return written.flatMap(({ host, port }) =>
      (isIP(host) ? [host] : (known.get(host) ?? [])).map((ip) =>
        formatAddress({ host: ip, port }),
      ),
    );
  }

  async function lookUp(name: string): Promise<void> {
    const found = await within(limits.namesLookMs, lookup(name));
    const ofOneFamily = found.filter((ip) => !isIPv6(ip));
    if (found.length > 0) known.set(name, ofOneFamily.length > 0 ? ofOneFamily : found);
  }

  async function look(): Promise<void> {
    // A name that nobody knows now may be known the next time.
    await Promise.allSettled(names.map(lookUp));
    if (isClosed) return;
    const found = resolved();
    if (String(found) !== String(list.addresses())) list.set(found);
    cancelLook = clock.after(limits.namesLookMs, () => void look());
  }

  return {
    ...list,
    ...(names.length === 0 ? {} : { looked: look() }),
    close() {
      isClosed = true;
      cancelLook();
    },
  };
}

function parsed(text: string): Address {
  const address = parseAddress(text);
  assert(address !== undefined, `"${text}" is an address`);
  return address;
}
