import { describe, expect, test } from 'vitest';
import { moneyText } from './money.ts';

describe('moneyText', () => {
  test.each([
    [23_680n, 'EUR', 'en', '€236.80'],
    [5n, 'EUR', 'en', '€0.05'],
    [-5n, 'EUR', 'en', '-€0.05'],
    [0n, 'USD', 'en', '$0.00'],
    [1_999n, 'JPY', 'en', '¥1,999'],
    [1_999n, 'KWD', 'en', 'KWD\u00a01.999'],
    [1_999n, 'IQD', 'en', 'IQD\u00a01.999'],
    [1_999n, 'CNY', 'zh', '¥19.99'],
    [1_999n, 'EUR', 'de', '19,99\u00a0€'],
  ])('writes %i of %s in %s as %s', (amountMinor, currencyCode, locale, written) => {
    expect(moneyText({ amountMinor, currencyCode }, locale)).toBe(written);
  });

  test('keeps every unit of an amount that no number could hold', () => {
    const amountMinor = 9_007_199_254_740_993_01n;
    expect(moneyText({ amountMinor, currencyCode: 'EUR' }, 'en')).toBe('€9,007,199,254,740,993.01');
  });
});
