import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  CreateOrderRequestSchema,
  ListOrdersResponseSchema,
} from '#gen/commerce/order/v1/order_pb.ts';
import { RefundPaymentRequestSchema } from '#gen/finance/payment/v1/payment_pb.ts';
import {
  CreateUserRequestSchema,
  SetRolesRequestSchema,
  UpdateUserRequestSchema,
} from '#gen/platform/user/v1/user_pb.ts';
import { limits } from '../limits.ts';
import { detailsOf } from './details.ts';

test('secret fields are in neither part, and those of a person only in theirs', () => {
  const details = detailsOf(
    CreateUserRequestSchema,
    create(CreateUserRequestSchema, {
      requestId: 'r',
      email: 'ada@example.com',
      password: 'the password',
      name: 'Ada',
    }),
  );
  expect(details).toEqual({
    ordinary: '{"requestId":"r"}',
    personal: '{"email":"ada@example.com","name":"Ada"}',
  });
});

test('all of what lies within a personal field is personal', () => {
  const { ordinary, personal } = detailsOf(
    CreateOrderRequestSchema,
    create(CreateOrderRequestSchema, {
      lines: [{ sku: 'a', quantity: 9_007_199_254_740_993n }],
      paymentToken: 'tok_secret',
      shippingAddress: { recipient: 'Ada', lines: ['12 St James Square'], countryCode: 'GB' },
    }),
  );
  expect(ordinary).toBe('{"lines":[{"sku":"a","quantity":"9007199254740993"}]}');
  expect(JSON.parse(personal)).toEqual({
    shippingAddress: { recipient: 'Ada', lines: ['12 St James Square'], countryCode: 'GB' },
  });
});

test('elements of a list keep their places in both parts', () => {
  const orders = [
    { orderId: '1', shippingAddress: { recipient: 'Ada' } },
    { orderId: '2' },
    { shippingAddress: { recipient: 'Bob' } },
  ];
  const details = detailsOf(ListOrdersResponseSchema, create(ListOrdersResponseSchema, { orders }));
  expect(JSON.parse(details.ordinary)).toEqual({
    orders: [{ orderId: '1' }, { orderId: '2' }, null],
  });
  expect(JSON.parse(details.personal)).toEqual({
    orders: [
      { shippingAddress: { recipient: 'Ada' } },
      null,
      { shippingAddress: { recipient: 'Bob' } },
    ],
  });
});

test('enums have their names, and what protobuf has a form for has that form', () => {
  const roles = detailsOf(
    SetRolesRequestSchema,
    create(SetRolesRequestSchema, { roles: [2, 77 as never] }),
  );
  expect(roles.ordinary).toBe('{"roles":["ROLE_STAFF",77]}');
  const mask = create(UpdateUserRequestSchema, { updateMask: { paths: ['name', 'phone'] } });
  expect(detailsOf(UpdateUserRequestSchema, mask).ordinary).toBe('{"updateMask":"name,phone"}');
});

test('details that are too long say how long they are, and nothing else', () => {
  const reason = 'ü'.repeat(limits.auditDetailsBytesMax / 2);
  const refund = create(RefundPaymentRequestSchema, { reason });
  const bytes = Buffer.byteLength(reason) + '{"reason":""}'.length;
  expect(detailsOf(RefundPaymentRequestSchema, refund).ordinary).toBe(`{"omitted_bytes":${bytes}}`);
});
