/** Rows to domain. */

import type { PaymentRecord } from '../domain/record.ts';
import type { Operation, Payment, Status } from '../domain.ts';

export interface PaymentRow {
  payment_id: string;
  order_id: string;
  user_id: string | null;
  currency: string;
  amount_minor: bigint;
  intent: Payment['intent'];
  status: Status;
  authorized_minor: bigint;
  captured_minor: bigint;
  decline_code: string;
  void_requested: boolean;
  is_released: boolean;
  operation_count: number;
  payment_token: string | null;
  request_key: string | null;
  request_hash: Buffer | null;
  due_at: Date | null;
  leased_until: Date | null;
  epoch: number;
  attempts: number;
  version: bigint;
  created_at: Date;
  updated_at: Date;
}

export interface OperationRow {
  operation_id: string;
  payment_id: string;
  kind: Operation['kind'];
  amount_minor: bigint;
  state: Operation['state'];
  code: string;
  reason: string;
  request_hash: string;
  position: number;
}

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
