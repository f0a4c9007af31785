import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ListOrdersResponseSchema } from '#gen/commerce/order/v1/order_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { limits as kitLimits } from '#kit/limits.ts';
import { limits, type Order } from './domain.ts';
import { orderToProto } from './proto.ts';

/** Four bytes each; the contract counts them as one. */
const letters = (count: number) => '🜁'.repeat(count);

/** By the contracts of product and order; a title is a product's, with a variant's in brackets. */
const longest = { sku: 64, title: 303, addressLine: 200, addressLines: 5 };
const linesMax = 200;
const pageSizeMax = 100;

const largest = (lines: number): Order => ({
  orderId: uuidv7(),
  userId: uuidv7(),
  lines: Array.from({ length: lines }, () => ({
    sku: letters(longest.sku),
    productId: uuidv7(),
    title: letters(longest.title),
    quantity: limits.unitsPerSkuMax,
    unitMinor: limits.totalMinorMax,
  })),
  currency: 'EUR',
  totalMinor: limits.totalMinorMax,
  status: 'CANCELLED',
  step: 'DONE',
  cancelReason: 'PAYMENT_TIMED_OUT',
  cancelDetail: letters(longest.sku),
  paymentId: uuidv7(),
  trackingCode: letters(100),
  address: {
    recipient: letters(200),
    lines: Array(longest.addressLines).fill(letters(longest.addressLine)),
    city: letters(100),
    postalCode: letters(20),
    countryCode: 'DE',
  },
  version: 5n,
  createdAt: Date.now(),
  updatedAt: Date.now(),
});

test('the largest page fits into an answer, and the largest order into an event', () => {
  const perOrder = limits.pageLinesMax / pageSizeMax;
  const orders = Array.from({ length: pageSizeMax }, () => orderToProto(largest(perOrder)));
  const page = toBinary(ListOrdersResponseSchema, create(ListOrdersResponseSchema, { orders }));
  expect(page.length).toBeLessThan(kitLimits.messageBytesMax);
  const one = create(ListOrdersResponseSchema, { orders: [orderToProto(largest(linesMax))] });
  const bytes = toBinary(ListOrdersResponseSchema, one).length;
  expect(bytes).toBeLessThan(kitLimits.outboxPayloadBytesMax);
});
