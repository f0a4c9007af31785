import { PaymentChangedSchema } from '#gen/finance/payment/v1/payment_pb.ts';
import { event, type OutgoingEvent } from '#kit/bus/event.ts';
import { paymentToProto } from './proto.ts';
import type { PaymentRecord } from './store.ts';

/** Published once for each transaction that changed the payment. */
export function paymentChanged(record: PaymentRecord): OutgoingEvent {
  return event(PaymentChangedSchema, record.paymentId, { payment: paymentToProto(record) });
}
