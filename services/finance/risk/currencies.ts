/** ISO 4217, as far as amounts need it. */
import { UnknownCurrency } from './domain.ts';

const currencyCodes = new Set(Intl.supportedValuesOf('currency'));
const found = new Map<string, bigint>();

/** How many minor units there are in one unit of a currency: 100n of EUR, 1n of JPY. Throws UnknownCurrency. */
export function minorPerUnit(currencyCode: string): bigint {
  const known = found.get(currencyCode);
  if (known !== undefined) return known;
  if (!currencyCodes.has(currencyCode)) throw new UnknownCurrency({ currency_code: currencyCode });
  const format = new Intl.NumberFormat('en', { style: 'currency', currency: currencyCode });
  const units = 10n ** BigInt(format.resolvedOptions().maximumFractionDigits ?? 0);
  found.set(currencyCode, units);
  return units;
}
