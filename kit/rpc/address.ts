/** Where something listens or is called, as one writes it: "10.0.0.5:7312", "[fd00::5]:7312", "inventory.internal:7312". */
import { isIPv4, isIPv6 } from 'node:net';

/** Where a service is called: a host name, or an address without brackets, and a port. */
export interface Address {
  /** Without brackets. */
  host: string;
  port: number;
}

const form = /^(?:\[([^\]]*)\]|([^\s:[\]/|,]+)):(\d+)$/;
/** Only numbers and dots: an IPv4 address, or a mistake in one. */
const numbers = /^[\d.]+$/;
const portMax = 65_535;

/** Undefined for what is no "host:port"; an IPv6 address must stand in brackets. */
export function parseAddress(text: string): Address | undefined {
  const [, bracketed, plain = '', digits] = form.exec(text) ?? [];
  const port = Number(digits);
  if (!(port > 0 && port <= portMax)) return undefined;
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : undefined;
  return numbers.test(plain) && !isIPv4(plain) ? undefined : { host: plain, port };
}

/** "host:port", with brackets around IPv6: what parseAddress reads. */
export function formatAddress({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
