/** Where a call came from: whoever stands at the far end of it, past the door and what stands before that. */
import { isIP } from 'node:net';
import { limits } from '../../limits.ts';
import type { Origin } from '../../scope.ts';
import type { Metadata } from '../engine.ts';
import type { ServerCall } from './call.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** The headers by which a service that calls for a person says where that person's own call came from. */
export const originHeaders = {
  address: 'x-meshwork-origin-address',
  userAgent: 'x-meshwork-origin-agent',
} as const;

/** The headers that pass an origin on. Text that a header cannot carry is escaped. */
export function toOriginHeaders({ address, userAgent }: Origin): Metadata {
  return {
    [originHeaders.address]: address,
    [originHeaders.userAgent]: encodeURIComponent(userAgent),
  };
}

/**
 * Where a call came from. A service of the mesh is believed what it says of the person for whom it asks; of anybody else
 * the connection tells, and the proxies that are trusted. Both are empty where nobody knows.
 */
export function originOf(call: ServerCall, proxies: TrustedProxies): Origin {
  const { metadata, caller } = call;
  const passedOn = metadata[originHeaders.address];
  if (caller.service !== undefined && passedOn !== undefined) {
    return { address: ipOf(passedOn), userAgent: decoded(metadata[originHeaders.userAgent]) };
  }
  return { address: ipOf(clientAddress(call, proxies)), userAgent: cut(metadata['user-agent']) };
}

/** The address from which a call came, of whoever is called by it at the near end; no IP address within a process. */
export function clientAddress({ peer, metadata }: ServerCall, proxies: TrustedProxies): string {
  const host = peer.address.slice(0, peer.address.lastIndexOf(':'));
  return proxies.clientOf(host, metadata['x-forwarded-for']);
}

function ipOf(address: string): string {
  return isIP(address) === 0 ? '' : address;
}

function decoded(text = ''): string {
  try {
    return cut(decodeURIComponent(text));
  } catch {
    return '';
  }
}

function cut(text = ''): string {
  return text.slice(0, limits.userAgentLengthMax).toWellFormed();
}
