import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FieldsInvalid } from '#kit/mesh-errors.ts';
import { runs } from '#kit/testing/property.ts';
import {
  type Content,
  createProduct,
  editProduct,
  limits,
  noteStock,
  orderTitle,
  type Product,
  ProductStatusConflict,
  ProductTooLarge,
  ProductVersionConflict,
  type Status,
  transitions,
  type VariantContent,
} from './domain.ts';

const variant = (sku: string, more: Partial<VariantContent> = {}): VariantContent => ({
  sku,
  title: '',
  currency: 'EUR',
  unitMinor: 100n,
  imageUrls: [],
  attributes: {},
  ...more,
});

const content = (more: Partial<Content> = {}): Content => ({
  title: 'Runner',
  description: '',
  localizedTexts: {},
  category: 'shoes',
  brand: '',
  status: 'AVAILABLE',
  variants: [variant('A'), variant('B')],
  ...more,
});

const product = (more: Partial<Content> = {}): Product => createProduct('id', content(more), 1);
const withStatus = (status: Status): Product => ({ ...product(), status });
const edit = (of: Product, changes: Partial<Content>, expected = of.version) =>
  editProduct(of, { expected, changes, now: 2 });

describe('an edit', () => {
  const statuses = Object.keys(transitions) as Status[];
  const pairs = statuses.flatMap((from) => statuses.map((to) => [from, to] as const));

  test.each(pairs)('from %s to %s is as the table says', (from, to) => {
    const isLegal = from === to || transitions[from].includes(to);
    const change = () => edit(withStatus(from), { status: to }).status;
    if (isLegal) expect(change()).toBe(to);
    else expect(change).toThrow(ProductStatusConflict);
  });

  test('raises the version, and is refused on another one', () => {
    const edited = edit(product(), { title: 'Sprinter' });
    expect(edited).toMatchObject({ title: 'Sprinter', version: 2n, createdAt: 1, updatedAt: 2 });
    expect(() => edit(edited, { title: 'Late' }, 1n)).toThrow(ProductVersionConflict);
  });

  test.each<[string, Partial<Content>]>([
    ['no title', { title: '' }],
    ['no variant', { variants: [] }],
    ['one SKU twice', { variants: [variant('A'), variant('A')] }],
  ])('that leaves %s is refused', (_, changes) => {
    expect(() => edit(product(), changes)).toThrow(FieldsInvalid);
  });

  test('may not make the whole larger than a hundred of them fit into one answer', () => {
    const text = { title: 'x', description: '漢'.repeat(4_000) };
    const localizedTexts = { 'zh-Hans': text, 'zh-Hant': text, ja: text };
    expect(() => edit(product(), { localizedTexts })).toThrow(ProductTooLarge);
    expect(limits.productBytesMax * 100).toBeLessThan(4 * 1024 * 1024);
  });
});

describe('the status', () => {
  const note = (of: Product, ...stocks: [sku: string, inStock: boolean][]) =>
    noteStock(of, new Map(stocks), 2);

  test('stays while a variant has no figures', () => {
    expect(note(product(), ['A', false])).toMatchObject({ status: 'AVAILABLE', version: 1n });
  });

  test('goes with the last unit of all variants and comes with the first of any', () => {
    const empty = note(product(), ['A', false], ['B', false]);
    expect(empty).toMatchObject({ status: 'OUT_OF_STOCK', version: 2n, updatedAt: 2 });
    expect(note(empty, ['B', true])).toMatchObject({ status: 'AVAILABLE', version: 3n });
  });

  test('follows an edit that takes away the only variant in stock', () => {
    const stocked = note(product(), ['A', true], ['B', false]);
    const edited = edit(stocked, { variants: [variant('B')] });
    expect(edited).toMatchObject({ status: 'OUT_OF_STOCK', version: 2n });
  });

  test('is what staff say until stock comes or goes', () => {
    const stocked = note(product(), ['A', true], ['B', true]);
    const withheld = edit(stocked, { status: 'OUT_OF_STOCK' });
    expect(note(withheld, ['A', false])).toMatchObject({ status: 'OUT_OF_STOCK' });
    expect(note(withheld, ['A', false], ['B', false], ['A', true]).status).toBe('OUT_OF_STOCK');
    const emptied = note(withheld, ['A', false], ['B', false]);
    expect(note(emptied, ['A', true]).status).toBe('AVAILABLE');
  });

  test('never leaves DISCONTINUED, and its version grows by one or not at all', () => {
    const flags = fc.dictionary(fc.constantFrom('A', 'B', 'C'), fc.boolean());
    const property = fc.property(
      fc.constantFrom<Status>('AVAILABLE', 'OUT_OF_STOCK', 'DISCONTINUED'),
      fc.array(flags, { maxLength: 20 }),
      (status, history) => {
        let now = withStatus(status);
        for (const stocks of history) {
          const next = noteStock(now, new Map(Object.entries(stocks)), 2);
          const isChanged = next.status !== now.status;
          expect(next.version - now.version).toBe(isChanged ? 1n : 0n);
          if (isChanged) expect(transitions[now.status]).toContain(next.status);
          now = next;
        }
        expect(now.status === 'DISCONTINUED').toBe(status === 'DISCONTINUED');
      },
    );
    fc.assert(property, runs(300));
  });
});

test('an order names the product, and the variant where it has a name', () => {
  expect(orderTitle('Runner', 'red, 42')).toBe('Runner (red, 42)');
  expect(orderTitle('Runner', '')).toBe('Runner');
});
