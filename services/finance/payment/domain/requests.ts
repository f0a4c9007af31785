/** What may be asked of a payment, and when it is answered. Pure. */
import { Conflict } from '#kit/mesh-errors.ts';
import {
  CaptureTooLarge,
  limits,
  type Operation,
  type Payment,
  PaymentNotAuthorized,
  PaymentNotCaptured,
  PaymentVoided,
  promise,
  RefundRefused,
  RefundTooLarge,
  refundedMinor,
  TooManyRefunds,
} from '../domain.ts';
import { settleUp } from './reducer.ts';

/** The order wants no payment: whatever is or will be taken is given back. */
export function requestVoid<P extends Payment>(payment: P): P {
  if (payment.voidRequested) return payment;
  return { ...settleUp({ ...payment, voidRequested: true }), version: payment.version + 1n };
}

/** What a request for an operation says. An amount of 0 means all. */
export type Asked = Pick<Operation, 'operationId' | 'amountMinor' | 'reason' | 'requestHash'>;

/** Promises to take part or all of what is held. */
export function requestCapture<P extends Payment>(payment: P, asked: Asked): P {
  const { paymentId, status, authorizedMinor } = payment;
  if (status !== 'AUTHORIZED' || payment.voidRequested) {
    throw new PaymentNotAuthorized({ payment_id: paymentId, status });
  }
  if (payment.operations.some(({ kind, state }) => kind === 'CAPTURE' && state === 'PROMISED')) {
    throw new Conflict();
  }
  if (asked.amountMinor > authorizedMinor) {
    const authorized_minor = String(authorizedMinor);
    throw new CaptureTooLarge({ payment_id: paymentId, authorized_minor });
  }
  const amountMinor = asked.amountMinor || authorizedMinor;
  return promise(payment, { ...asked, amountMinor, kind: 'CAPTURE' });
}

/** Promises to give back part or all of what is left of the capture. */
export function requestRefund<P extends Payment>(payment: P, asked: Asked): P {
  const { paymentId, status } = payment;
  if (status !== 'CAPTURED' && status !== 'REFUNDED') {
    throw new PaymentNotCaptured({ payment_id: paymentId, status });
  }
  const left = payment.capturedMinor - refundedMinor(payment);
  const amountMinor = asked.amountMinor || left;
  if (left === 0n || amountMinor > left) {
    throw new RefundTooLarge({ payment_id: paymentId, refundable_minor: String(left) });
  }
  if (payment.operations.length >= limits.operationsMax) {
    throw new TooManyRefunds({ payment_id: paymentId, limit: String(limits.operationsMax) });
  }
  const promised = promise(payment, { ...asked, amountMinor, kind: 'REFUND' });
  return { ...promised, version: payment.version + 1n };
}

/** Whether what ProcessPayment or AuthorizePayment asked for is known. Throws PaymentVoided. */
export function isSettled(payment: Payment): boolean {
  const { status, voidRequested, orderId } = payment;
  if (status === 'DECLINED') return true;
  if (voidRequested || status === 'VOIDED') throw new PaymentVoided({ order_id: orderId });
  return status !== 'PROCESSING';
}

/** Whether a capture is known to be done. Throws PaymentNotAuthorized when it will not be. */
export function isCaptured(payment: Payment, operationId: string): boolean {
  const state = operationOf(payment, operationId)?.state;
  if (state !== 'REFUSED') return state === 'DONE';
  throw new PaymentNotAuthorized({ payment_id: payment.paymentId, status: payment.status });
}

/** Whether a refund is known to be done. Throws RefundRefused. */
export function isRefunded(payment: Payment, operationId: string): boolean {
  const refund = operationOf(payment, operationId);
  if (refund?.state !== 'REFUSED') return refund?.state === 'DONE';
  throw new RefundRefused({ payment_id: payment.paymentId, code: refund.code });
}

function operationOf({ operations }: Payment, operationId: string) {
  return operations.find((operation) => operation.operationId === operationId);
}
