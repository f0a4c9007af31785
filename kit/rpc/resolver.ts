/** Where a service is to be found, now and from now on. */
export interface Resolver {
  /** "host:port" of each process that offers the service. An address that appears twice counts once. */
  addresses(): readonly string[];
  /** Calls `listener` whenever the addresses may have changed. The answer unsubscribes. */
  onChange(listener: () => void): () => void;
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
