/** Domain to proto. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  PaymentMethod,
  PaymentStatus,
  SettlementKind,
  SettlementState,
} from '#gen/finance/payment/v1/payment_pb.ts';
import type { PaymentRecord } from './domain/record.ts';
import type { Settlement } from './domain/settlement.ts';
import { refundConfirmedMinor, refundedMinor } from './domain.ts';

export function paymentToProto(record: PaymentRecord) {
  const { paymentId, orderId, userId, currency, amountMinor, version, account } = record;
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
    method: PaymentMethod[methodOf(record)],
    account: account && {
      accountId: account.accountId,
      payeeAccountId: account.payeeAccountId,
    },
  };
}

function methodOf({ account, userId }: PaymentRecord) {
  if (account !== undefined) return 'ACCOUNT';
  return userId === undefined ? 'UNSPECIFIED' : 'CARD';
}

export function settlementToProto(settlement: Settlement) {
  const { settlementId, currency, amountMinor, itemCount, transactionId, failure } = settlement;
  return {
    settlementId,
    kind: SettlementKind[settlement.kind],
    amount: { currencyCode: currency, amountMinor },
    itemCount,
    state: SettlementState[settlement.state],
    transactionId: transactionId ?? '',
    failure,
    refusalCount: settlement.refusals,
    createTime: timestampFromMs(settlement.createdAt),
    updateTime: timestampFromMs(settlement.updatedAt),
  };
}
