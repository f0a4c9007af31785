import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  CancelOrderRequestSchema,
  CancelOrderResponseSchema,
  OrderService,
} from '#gen/commerce/order/v1/order_pb.ts';
import { OpsService, ReplayDeadLettersRequestSchema } from '#gen/platform/ops/v1/ops_pb.ts';
import { AuditSchema } from '#gen/platform/policy/v1/policy_pb.ts';
import { type AuditInvalid, readAudit } from './rule.ts';

const { cancelOrder } = OrderService.method;

const read = (option: MessageInitShape<typeof AuditSchema>, method = cancelOrder) =>
  readAudit(method, create(AuditSchema, option));

const action = 'order.cancel';

test('an entry has the ids that the contract names, of the request, the answer or the caller', () => {
  const of = {
    request: create(CancelOrderRequestSchema, { orderId: 'o' }),
    response: create(CancelOrderResponseSchema, { order: { userId: 'u' } }),
    userId: 'staff',
  };
  const rule = read({
    action,
    resourceId: 'request.order_id',
    subjectId: 'response.order.user_id',
  });
  expect(rule).toMatchObject({ action, resource: 'order' });
  expect([rule.resourceIdOf(of), rule.subjectIdOf(of)]).toEqual(['o', 'u']);
  const own = read({ action, resourceId: 'caller' });
  expect([own.resourceIdOf(of), own.subjectIdOf(of)]).toEqual(['staff', '']);
  const empty = { ...of, response: create(CancelOrderResponseSchema) };
  expect(rule.subjectIdOf(empty)).toBe('');
});

test('an entry about several things has the ids of all', () => {
  const option = { action: 'dead_letter.replay', resourceId: 'request.event_ids' };
  const rule = read(option, OpsService.method.replayDeadLetters as never);
  const request = create(ReplayDeadLettersRequestSchema, { eventIds: ['a', 'b'] });
  expect(rule.resourceIdOf({ request, response: request, userId: '' })).toBe('a b');
});

const faults: [string, MessageInitShape<typeof AuditSchema>][] = [
  ['audited as "cancel"', { action: 'cancel', resourceId: 'caller' }],
  ['which resource_id', { action }],
  ['"request.oder_id", which leads to no text', { action, resourceId: 'request.oder_id' }],
  ['"response.order"', { action, resourceId: 'response.order' }],
  ['"response.order.lines"', { action, resourceId: 'response.order.lines' }],
  ['"request.order_id.x"', { action, resourceId: 'request.order_id.x' }],
  ['"order_id", which is no field', { action, resourceId: 'order_id' }],
  ['"request", which is no field', { action, resourceId: 'request' }],
  ['"response.nobody"', { action, resourceId: 'caller', subjectId: 'response.nobody' }],
];

test.each(faults)('an entry that could not be made is refused: %s', (why, option) => {
  expect(() => read(option)).toThrow(why);
  const place = 'proto/commerce/order/v1/order.proto: OrderService.CancelOrder';
  expect(() => read(option)).toThrow(place satisfies AuditInvalid['message']);
});
