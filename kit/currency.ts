/**
 * The currencies of ISO 4217 with the number of their decimals. Pure. CLDR, which Intl reads, differs: it drops the fils
 * and para that nobody pays with, and an amount would be read a thousandfold.
 */

/** Active currencies by their decimals, as the ISO 4217 list one of 2024 gives them; funds and metals are left out. */
const codesByDecimals: readonly [decimals: number, codes: string][] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [
    2,
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD ' +
      'CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD ' +
      'GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL ' +
      'MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN ' +
      'PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP ' +
      'SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG',
  ],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
];

const decimalsByCode = new Map(
  codesByDecimals.flatMap(([decimals, codes]) =>
    codes.split(' ').map((code) => [code, decimals] as const),
  ),
);

/** How many decimals a currency has: 2 for EUR, 0 for JPY; undefined when ISO 4217 knows no such code. */
export function decimalsOf(currencyCode: string): number | undefined {
  return decimalsByCode.get(currencyCode);
}

/** What a whole unit of a currency is in minor ones: 100n of EUR, 1n of JPY; undefined as decimalsOf. */
export function minorPerUnit(currencyCode: string): bigint | undefined {
  const decimals = decimalsOf(currencyCode);
  return decimals === undefined ? undefined : powersOfTen[decimals];
}

const powersOfTen = [1n, 10n, 100n, 1_000n];

/** All codes, in order. */
export const currencyCodes: readonly string[] = [...decimalsByCode.keys()].sort();
