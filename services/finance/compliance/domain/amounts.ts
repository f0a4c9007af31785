/** Amounts as rules and analysts write them. Pure. */
import { decimalsOf, minorPerUnit } from '#kit/currency.ts';

/** Whole units in minor ones: 10n of EUR is 1000n. A currency that nobody knows counts in whole units. */
export function minorOf(major: bigint, currency: string): bigint {
  return major * (minorPerUnit(currency) ?? 1n);
}

/** Minor units as analysts read them: 999999n of EUR is "9,999.99". */
export function amountText(minor: bigint, currency: string): string {
  const decimals = decimalsOf(currency) ?? 0;
  const digits = String(minor).padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return decimals === 0 ? whole : `${whole}.${digits.slice(-decimals)}`;
}
