import { describe, expect, test } from 'vitest';
import { currencyCodes, decimalsOf, minorPerUnit } from './currency.ts';

describe('currencies', () => {
  test.each([
    ['EUR', 2],
    ['JPY', 0],
    ['KWD', 3],
    // CLDR counts none of their decimals.
    ['IQD', 3],
    ['RSD', 2],
    ['ISK', 0],
  ])('%s has %i decimals', (code, decimals) => {
    expect(decimalsOf(code)).toBe(decimals);
    expect(minorPerUnit(code)).toBe(10n ** BigInt(decimals));
  });

  test.each(['XXX', 'eur', 'EURO', '', 'DEM'])('"%s" is none', (code) => {
    expect(decimalsOf(code)).toBeUndefined();
    expect(minorPerUnit(code)).toBeUndefined();
  });

  test('are each a code that Intl can write', () => {
    expect(new Set(currencyCodes).size).toBe(currencyCodes.length);
    for (const currency of currencyCodes) {
      expect(() => new Intl.NumberFormat('en', { style: 'currency', currency })).not.toThrow();
    }
  });
});
