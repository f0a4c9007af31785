import { expect, test } from 'vitest';
import { affectedBy } from './affected.ts';

const processes = ['platform.gateway', 'commerce.order', 'finance.payment', 'sandbox'];

test.each([
  ['services/commerce/order/saga.ts', ['commerce.order']],
  ['services/commerce/order/migrations/0002_more.sql', ['commerce.order']],
  ['services/finance/payment/store/rows.ts', ['finance.payment']],
  ['services/finance/payment/sandbox/book.ts', ['sandbox']],
  ['services/registry.ts', processes],
  ['kit/rpc/client/client.ts', processes],
  ['gen/commerce/order/v1/order_pb.ts', processes],
])('a change of %s restarts %j', (file, names) => {
  expect(affectedBy(file, processes)).toEqual(names);
});

test.each([
  'services/commerce/order/order.test.ts',
  'services/commerce/order/README.md',
  'services/commerce/order/saga.ts~',
  'kit/testing/network.ts',
  'tools/start.ts',
])('a change of %s restarts nothing', (file) => {
  expect(affectedBy(file, processes)).toEqual([]);
});
