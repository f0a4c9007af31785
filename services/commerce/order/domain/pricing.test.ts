import { describe, expect, test } from 'vitest';
import {
  limits,
  MixedCurrencies,
  OrderTooLarge,
  QuantityTooLarge,
  SkuNotForSale,
  SkuNotFound,
} from '../domain.ts';
import { type Priced, priceLines } from './pricing.ts';

describe('the price of an order', () => {
  const priced = (sku: string, more: Partial<Priced> = {}): [string, Priced] => [
    sku,
    {
      sku,
      productId: 'product',
      title: sku,
      currency: 'EUR',
      unitMinor: 1_999n,
      status: 'AVAILABLE',
      inStock: true,
      ...more,
    },
  ];

  test('adds up lines that name one SKU, and is exact', () => {
    const catalogue = new Map([
      priced('B', { unitMinor: 9_007_199_254_740_993n / 1_000_000n }),
      priced('A'),
    ]);
    const wanted = [
      { sku: 'B', quantity: 1n },
      { sku: 'A', quantity: 2n },
      { sku: 'B', quantity: 2n },
    ];
    const { lines, totalMinor, currency } = priceLines(wanted, catalogue);
    expect(lines.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ['A', 2n],
      ['B', 3n],
    ]);
    expect(totalMinor).toBe(2n * 1_999n + 3n * 9_007_199_254n);
    expect(currency).toBe('EUR');
  });

  test.each([
    ['an unknown SKU', SkuNotFound, new Map<string, Priced>()],
    ['a discontinued product', SkuNotForSale, new Map([priced('A', { status: 'DISCONTINUED' })])],
    ['two currencies', MixedCurrencies, new Map([priced('A'), priced('B', { currency: 'USD' })])],
    [
      'too large a total',
      OrderTooLarge,
      new Map([priced('A', { unitMinor: limits.totalMinorMax + 1n })]),
    ],
    [
      'a product that staff hold back',
      SkuNotForSale,
      new Map([priced('A', { status: 'OUT_OF_STOCK', inStock: true })]),
    ],
    [
      'a product that staff hold back, of whose stock nothing is known',
      SkuNotForSale,
      new Map([priced('A', { status: 'OUT_OF_STOCK', inStock: undefined })]),
    ],
  ])('is refused for %s', (_, error, catalogue) => {
    const wanted = [...(catalogue.size === 0 ? ['A'] : catalogue.keys())].map((sku) => ({
      sku,
      quantity: 1n,
    }));
    expect(() => priceLines(wanted, catalogue)).toThrow(error);
  });

  test('is known of what the catalogue takes for sold out: inventory decides', () => {
    const catalogue = new Map([priced('A', { status: 'OUT_OF_STOCK', inStock: false })]);
    expect(priceLines([{ sku: 'A', quantity: 1n }], catalogue).totalMinor).toBe(1_999n);
  });

  test('is refused for too many units of one SKU, in however many lines', () => {
    const line = { sku: 'A', quantity: limits.unitsPerSkuMax };
    const catalogue = new Map([priced('A', { unitMinor: 1n })]);
    expect(priceLines([line], catalogue).totalMinor).toBe(limits.unitsPerSkuMax);
    const wanted = [line, { sku: 'A', quantity: 1n }];
    expect(() => priceLines(wanted, catalogue)).toThrow(QuantityTooLarge);
  });
});
