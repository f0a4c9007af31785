import { decimalsOf } from './currency.ts';

/**
 * An amount as people write it: 1999n of "EUR" is "€19.99" in English, 1999n of "JPY" is "¥1,999".
 *
 * Takes minor units, an ISO 4217 code and a BCP 47 tag; the amount stays exact, however large it is. A code that ISO 4217
 * does not know has as many decimals as Intl gives it. Throws RangeError for what is no code or no tag.
 */
export function moneyText(
  { amountMinor, currencyCode }: { amountMinor: bigint; currencyCode: string },
  locale: string,
): string {
  const digits = decimalsOf(currencyCode);
  const format = new Intl.NumberFormat(locale, {
    style: 'currency',
    currency: currencyCode,
    ...(digits === undefined
      ? {}
      : { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  });
  const shift = format.resolvedOptions().maximumFractionDigits ?? 0;
  // Text and not a number, which would round.
  return format.format(`${amountMinor}E-${shift}` as Intl.StringNumericLiteral);
}
