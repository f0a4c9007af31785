import { BlockList, isIP } from 'node:net';

/** Whoever stands before the services and tells for whom it asks. */
export interface TrustedProxies {
  /**
   * The address of a caller. `peer` is the address at the other end of the connection, `forwardedFor` its header
   * `x-forwarded-for`, which counts only when the peer is trusted: a stranger must not choose who he is.
   */
  clientOf(peer: string, forwardedFor: string | undefined): string;
}

/** An entry is neither an IP address nor a range of them. */
export class ProxyInvalid extends Error {
  constructor(entry: string) {
    super(`"${entry}" is neither an IP address nor a range such as 10.0.0.0/8`);
  }
}

/** Takes IP addresses and CIDR ranges, v4 and v6. Throws ProxyInvalid. */
export function createTrustedProxies(entries: readonly string[]): TrustedProxies {
  const trusted = new BlockList();
  for (const entry of entries) add(trusted, entry);
  const isTrusted = (address: string) => trusted.check(address, familyOf(address));

  return {
    clientOf(peer, forwardedFor) {
      let client = plain(peer);
      if (entries.length === 0 || forwardedFor === undefined) return client;
      const hops = forwardedFor.split(',');
      // Each proxy adds at the end whom it was called by, so what a stranger wrote lies to the left of himself.
      while (isIP(client) !== 0 && isTrusted(client)) {
        const hop = addressOf(hops.pop()?.trim() ?? '');
        // Nobody can say who that was; the nearest that is known answers for it.
        if (hop === undefined) break;
        client = hop;
      }
      return client;
    },
  };
}

function add(trusted: BlockList, entry: string): void {
  const [address = '', prefix, ...rest] = entry.split('/');
  const bitsMax = isIP(address) === 6 ? 128 : 32;
  const bits = Number(prefix ?? bitsMax);
  const isRange = prefix === undefined || (/^\d+$/.test(prefix) && bits <= bitsMax);
  if (isIP(address) === 0 || !isRange || rest.length > 0) throw new ProxyInvalid(entry);
  trusted.addSubnet(address, bits, familyOf(address));
}

/** The address of one entry of the header, which some proxies write with a port; undefined when it is none. */
function addressOf(entry: string): string | undefined {
  const [, inBrackets, beforePort] = /^\[(.+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(entry) ?? [];
  const address = inBrackets ?? beforePort ?? entry;
  return isIP(address) === 0 ? undefined : plain(address);
}

/** One address has one form: a socket that takes v4 and v6 has v4 addresses in those of v6. */
function plain(address: string): string {
  return address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
