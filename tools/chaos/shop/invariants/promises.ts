import {
  CancelReasonSchema,
  type Order,
  OrderService,
  OrderStatusSchema,
} from '#gen/commerce/order/v1/order_pb.ts';
import {
  type Payment,
  PaymentService,
  PaymentStatus,
  PaymentStatusSchema,
} from '#gen/finance/payment/v1/payment_pb.ts';
import { answersOf } from '../../desk.ts';
import type { Evidence } from '../../evidence.ts';
import { finding, type Page } from '../../invariants.ts';

/**
 * What people were told is still so. Nobody is left without an answer, so a thing stands as the last answer about it
 * said: whatever else has become of it, nobody asked for. That a cancelled order's money is back, and that stock and
 * money are what they were changed to, the other books show.
 */
export async function checkPromises(evidence: Evidence): Promise<Page> {
  return {
    lines: [],
    findings: [
      finding('an order is what was answered last', await findOtherOrders(evidence)),
      finding('a payment is what was answered last', await findOtherPayments(evidence)),
    ],
  };
}

interface OrderRow {
  order_id: string;
  user_id: string;
  status: string;
  cancel_reason: string | null;
  tracking_code: string | null;
  payment_id: string | null;
  total_minor: string;
  version: string;
}

async function findOtherOrders({ sql, acknowledged }: Evidence) {
  const { createOrder, cancelOrder, shipOrder, deliverOrder } = OrderService.method;
  const answered = [createOrder, cancelOrder, shipOrder, deliverOrder]
    .flatMap((method) => answersOf(acknowledged, method))
    .map(({ response }) => response.order!);
  const rows = await sql<OrderRow[]>`
    select order_id, user_id, status, cancel_reason, nullif(tracking_code, '') as tracking_code,
      payment_id, total_minor::text, version::text
    from commerce_order.customer_order`;
  return findOthers(byThing(answered, ({ orderId }) => orderId).map(toldOf), rows, 'order_id');
}

/** The order as its answers told it, the oldest first: what one has said, none may say otherwise. */
function toldOf(answers: readonly Order[]): OrderRow {
  const rows = answers.map(toOrderRow);
  const first = (column: 'cancel_reason' | 'tracking_code' | 'payment_id') =>
    rows.map((row) => row[column]).find((value) => value !== null) ?? null;
  return {
    ...rows.at(-1)!,
    total_minor: rows[0]!.total_minor,
    cancel_reason: first('cancel_reason'),
    tracking_code: first('tracking_code'),
    payment_id: first('payment_id'),
  };
}

function toOrderRow(order: Order): OrderRow {
  const status = OrderStatusSchema.value[order.status]!.localName;
  const reason = CancelReasonSchema.value[order.cancelReason]!;
  return {
    order_id: order.orderId,
    user_id: order.userId,
    status,
    cancel_reason: reason.number === 0 ? null : reason.localName,
    tracking_code: order.trackingCode || null,
    payment_id: order.paymentId || null,
    total_minor: String(order.total!.amountMinor),
    version: String(order.version),
  };
}

interface PaymentRow {
  payment_id: string;
  order_id: string;
  status: string;
  captured_minor: string;
  refunded_minor: string;
}

async function findOtherPayments({ sql, acknowledged }: Evidence) {
  const { authorizePayment, capturePayment, refundPayment, voidPayment } = PaymentService.method;
  const answered = [authorizePayment, capturePayment, refundPayment, voidPayment]
    .flatMap((method) => answersOf(acknowledged, method))
    .map(({ response }) => response.payment!);
  const rows = await sql<PaymentRow[]>`
    select payment_id, order_id, status, captured_minor::text, refunded_minor::text
    from finance_payment.payment`;
  const told = byThing(answered, ({ paymentId }) => paymentId).map((answers) =>
    toPaymentRow(answers.at(-1)!),
  );
  return findOthers(told, rows, 'payment_id');
}

/** A void is answered before it is done. */
function toPaymentRow(payment: Payment): PaymentRow {
  const status = payment.voidRequested ? PaymentStatus.VOIDED : payment.status;
  return {
    payment_id: payment.paymentId,
    order_id: payment.orderId,
    status: PaymentStatusSchema.value[status]!.localName,
    captured_minor: String(payment.capturedMinor),
    refunded_minor: String(payment.refundedMinor),
  };
}

/** What was told, and is not found as it was told. */
function findOthers<Row extends object>(told: readonly Row[], rows: readonly Row[], id: keyof Row) {
  const byId = new Map(rows.map((row) => [row[id], row]));
  return told
    .map((row) => ({ told: row, found: byId.get(row[id]) }))
    .filter((each) => !isEqual(each.told, each.found));
}

/** The answers about each thing, the oldest first. */
function byThing<Thing extends { version: bigint }>(
  answered: readonly Thing[],
  idOf: (thing: Thing) => string,
): Thing[][] {
  return [...Map.groupBy(answered, idOf).values()].map((answers) =>
    answers.toSorted((a, b) => Number(a.version - b.version)),
  );
}

function isEqual<Row extends object>(expected: Row, found: Row | undefined): boolean {
  return Object.entries(expected).every(
    ([column, value]) => found !== undefined && found[column as keyof Row] === value,
  );
}
