/** Domain to proto. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import type { PaymentRecord } from './domain/record.ts';
import { refundConfirmedMinor, refundedMinor } from './domain.ts';

export function paymentToProto(record: PaymentRecord) {
  const { paymentId, orderId, userId, currency, amountMinor, version } = record;
  return {
    paymentId,
    orderId,
    userId: userId ?? '',
    amount: userId === undefined ? undefined : { currencyCode: currency, amountMinor },
    status: PaymentStatus[record.status],
    authorizedMinor: record.authorizedMinor,
    capturedMinor: record.capturedMinor,
    refundedMinor: refundedMinor(record),
    refundConfirmedMinor: refundConfirmedMinor(record),
    declineCode: record.declineCode,
    voidRequested: record.voidRequested,
    createTime: timestampFromMs(record.createdAt),
    updateTime: timestampFromMs(record.updatedAt),
    version,
  };
}
