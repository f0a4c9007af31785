import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FieldsInvalid } from '#kit/mesh-errors.ts';
import { runs } from '#kit/testing/property.ts';
import { checkTelling, type Kind, meaningOf, newTellings, type Telling } from './domain.ts';
import { localeOf, textsOf } from './templates.ts';

const telling = (more: Partial<Telling> = {}): Telling => ({
  userId: 'ann',
  kind: 'ORDER_DELIVERED',
  subjectId: 'o1',
  parameters: { order_id: 'o1' },
  ...more,
});

describe('what is new', () => {
  test('is each meaning once, in order, and nothing that was told before', () => {
    const any = fc.record({
      userId: fc.constantFrom('ann', 'bob'),
      kind: fc.constantFrom<Kind>('ORDER_DELIVERED', 'ORDER_SHIPPED'),
      subjectId: fc.constantFrom('o1', 'o2', 'o3'),
    });
    const property = fc.property(fc.array(any), fc.array(any), (before, now) => {
      const told = new Set(before.map((one) => meaningOf(telling(one))));
      const meanings = newTellings(now.map(telling), told).map(meaningOf);
      const naive = now.map((one) => meaningOf(telling(one))).filter((one) => !told.has(one));
      expect(meanings).toEqual([...new Set(naive)]);
    });
    fc.assert(property, runs(500));
  });
});

describe('a telling', () => {
  const paid = { order_id: 'o1', amount_minor: '1999', currency_code: 'EUR' };

  test.each<[string, Kind, Record<string, string>]>([
    ['nothing', 'ORDER_DELIVERED', {}],
    ['an empty title', 'ANNOUNCEMENT', { title: '', body: 'b' }],
    ['an amount with a point', 'ORDER_CONFIRMED', { ...paid, amount_minor: '19.99' }],
    ['a currency that is none', 'ORDER_CONFIRMED', { ...paid, currency_code: 'euro' }],
  ])('of %s is refused', (_, kind, parameters) => {
    expect(() => checkTelling(telling({ kind, parameters }))).toThrow(FieldsInvalid);
  });

  test('of all that its kind needs is taken', () => {
    checkTelling(telling({ kind: 'ORDER_CONFIRMED', parameters: paid }));
  });
});

describe('the texts', () => {
  const confirmed = (amount_minor: string, currency_code: string, locale: 'en' | 'zh' = 'en') =>
    textsOf(
      {
        kind: 'ORDER_CONFIRMED',
        parameters: { order_id: 'abcd-1234efab', amount_minor, currency_code },
      },
      locale,
    );

  test('name the order and the exact amount as the language writes it', () => {
    expect(confirmed('9007199254740993', 'EUR').body).toContain(
      '1234EFAB is paid: €90,071,992,547,409.93',
    );
    expect(confirmed('5', 'USD').body).toContain('$0.05');
    expect(confirmed('1999', 'JPY').body).toContain('¥1,999.');
    expect(confirmed('1999', 'BHD').body).toMatch(/BHD\s1\.999/);
    expect(confirmed('1999', 'CNY', 'zh')).toEqual({
      title: '订单已确认',
      body: '您的订单 1234EFAB 已付款：¥19.99。发货后我们会通知您。',
    });
  });

  test('say why an order was cancelled, where that is known', () => {
    const body = (reason: string) =>
      textsOf({ kind: 'ORDER_CANCELLED', parameters: { order_id: 'o', reason } }, 'en').body;
    expect(body('PAYMENT_DECLINED')).toBe(
      'Your order O was cancelled: the card was declined. Nothing was charged.',
    );
    expect(body('SOMETHING_NEW')).toBe(
      'Your order O was cancelled. Whatever was charged will be paid back.',
    );
  });

  test('are in the language of the tag, or in English', () => {
    const tags = ['zh', 'zh-Hans-CN', 'ZH-tw', 'en-GB', 'fr', '', 'toString'];
    expect(tags.map(localeOf)).toEqual(['zh', 'zh', 'zh', 'en', 'en', 'en', 'en']);
  });
});
