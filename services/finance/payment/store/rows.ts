/** Rows to domain. */

import type { RowOf } from '#kit/db/row.ts';
import type { PaymentRecord } from '../domain/record.ts';
import type { Operation } from '../domain.ts';
import type { operation, payment } from '../schema.ts';

export type PaymentRow = Omit<RowOf<typeof payment>, 'refunded_minor' | 'settlement_id'>;

export type OperationRow = Omit<RowOf<typeof operation>, 'created_at' | 'settlement_id'>;

export function toRecord(row: PaymentRow, operations: readonly Operation[]): PaymentRecord {
  return {
    paymentId: row.payment_id,
    orderId: row.order_id,
    userId: row.user_id ?? undefined,
    currency: row.currency,
    amountMinor: row.amount_minor,
    intent: row.intent,
    status: row.status,
    authorizedMinor: row.authorized_minor,
    capturedMinor: row.captured_minor,
    declineCode: row.decline_code,
    voidRequested: row.void_requested,
    isReleased: row.is_released,
    operations,
    version: row.version,
    token: row.payment_token ?? undefined,
    account:
      row.account_id === null
        ? undefined
        : {
            accountId: row.account_id,
            payeeAccountId: row.payee_account_id!,
            transactionId: row.transaction_id!,
          },
    request:
      row.request_key === null ? undefined : { key: row.request_key, hash: row.request_hash! },
    work: {
      dueAt: row.due_at?.getTime(),
      leasedUntil: row.leased_until?.getTime(),
      epoch: row.epoch,
      attempts: row.attempts,
    },
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
  };
}

export function toOperation(row: OperationRow): Operation {
  return {
    operationId: row.operation_id,
    kind: row.kind,
    amountMinor: row.amount_minor,
    state: row.state,
    code: row.code,
    reason: row.reason,
    requestHash: row.request_hash,
  };
}
