/** Only tokens are kept, never card data: a number in the place of a token is refused, and none is repeated anywhere. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import { allMethods } from '../support/any-method.ts';
import { messagesOf } from '../support/evidence.ts';
import { requestsWith } from '../support/requests/planted.ts';
import { refusalText, tablesWith } from '../support/secrecy.ts';
import { startWatchedWorld, type WatchedWorld } from '../support/watched-world.ts';

/** As they are printed, typed and sent by mistake. */
const inTokens = [
  '4111111111111111',
  '4111 1111 1111 1111',
  '4111-1111-1111-1111',
  '4111_1111_1111_1111',
  '378282246310005',
  '6304000000000000000',
  '501800000009',
  'tok_4111111111111111',
];

/** Others, for what people write where they may write what they like. */
const inTexts = [
  '5555555555554444',
  '5555 5555 5555 4444',
  '5555-5555-5555-4444',
  '371449635398431',
];

const methods = allMethods();
const isToken = (field: string) => field.endsWith('payment_token');
const takesToken = ({ method }: (typeof methods)[number]) =>
  requestsWith('', method.input).some(({ field }) => isToken(field));

let watched: WatchedWorld;

beforeAll(async () => {
  watched = await startWatchedWorld();
});
afterAll(() => watched.stop());

describe('a card number in the place of a token', () => {
  test.each(methods.filter(takesToken))('$title: is refused', async (subject) => {
    for (const number of inTokens) {
      const planted = await watched.plant(number, subject, isToken);
      expect(planted).not.toEqual([]);
      for (const { refusal } of planted) {
        expect(refusal?.reason, number).toBe('FIELD_INVALID');
        expect(refusal!.violations[0]!.field).toMatch(/payment_token$/);
      }
    }
  });

  test('pays for no order that is good otherwise, at the gateway', async () => {
    const { world, evidence } = watched;
    const orders = world.network.client(OrderService, 'platform.gateway');
    const { headers } = await world.newcomer();
    const sku = await world.stocked(1n);
    for (const paymentToken of inTokens) {
      const wanted = world.wanted(sku, { paymentToken });
      await evidence.refused(orders.createOrder(wanted, { headers }));
    }
    await orders.createOrder(world.wanted(sku), { headers });
  });

  test('is in no table', async () => {
    const { world } = watched;
    await world.settle();
    for (const [table, text] of await tablesWith(world.network.sql, /./)) {
      expect(
        inTokens.filter((number) => text.includes(number)),
        table,
      ).toEqual([]);
    }
  });
});

/** Names of things, which errors and events repeat by contract: a SKU or a parcel may well have as many digits. */
const identifiers = /\b(skus?|tracking_code)$/;
const isText = (field: string) => !identifiers.test(field) && !isToken(field);

describe('a card number that somebody wrote into a text', () => {
  test.each(methods)('$title: is in no refusal', async (subject) => {
    for (const number of inTexts) {
      for (const { field, refusal } of await watched.plant(number, subject, isText)) {
        if (refusal !== undefined) expect(refusalText(refusal), field).not.toContain(number);
      }
    }
  });

  test('goes with what it describes through all that the mesh does for a person', async () => {
    for (const number of ['5555555555554444', '371449635398431']) {
      const owner = await watched.world.owner(number, 2n);
      await owner.stir();
    }
  });
});

describe('no card number', () => {
  const numbers = [...inTokens, ...inTexts];
  const foundIn = (text: string) => numbers.filter((number) => text.includes(number));

  test('is in a log line, at any level', () => {
    const lines = watched.evidence.lines.join('\n');
    expect(lines).toContain('rpc.answered');
    expect(foundIn(lines)).toEqual([]);
  });

  test('is in a span', () => {
    const spans = watched.evidence.spans();
    expect(spans.map(({ name }) => name)).toContain('/commerce.order.v1.OrderService/CreateOrder');
    expect(foundIn(spans.map(({ text }) => text).join('\n'))).toEqual([]);
  });

  test('is in an error', () => {
    const errors = watched.evidence.errors.join('\n');
    expect(errors).toContain('FIELD_INVALID');
    expect(foundIn(errors)).toEqual([]);
  });

  test('is in a message on the bus, but for the texts of products, which are for everybody', async () => {
    const messages = await messagesOf(watched.world.network);
    expect(messages.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['OrderChanged', 'PaymentChanged', 'UserChanged', 'ProductChanged']),
    );
    const others = messages.filter(({ type }) => type !== 'ProductChanged');
    for (const { type, text } of others) expect(foundIn(text), type).toEqual([]);
  });
});
