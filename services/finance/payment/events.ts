import { PaymentChangedSchema } from '#gen/finance/payment/v1/payment_pb.ts';
import { event, type OutgoingEvent } from '#kit/bus/event.ts';
import type { PaymentRecord } from './domain/record.ts';
import { paymentToProto } from './proto.ts';

/** Published once for each transaction that changed the payment. */
export function paymentChanged(record: PaymentRecord): OutgoingEvent {
  return event(PaymentChangedSchema, record.paymentId, { payment: paymentToProto(record) });
}
