import { uuidv7 } from '#kit/ids.ts';
import type { MakeBelongings } from '../belongings.ts';

/** A payment and an authorization, as if two orders had asked for them. */
export const belongings: MakeBelongings = async (shop, { id: userId }) => {
  const toPay = { ...shop.asked(), userId };
  const toHold = { ...shop.asked(), userId };
  const { payment: paid } = await shop.payments().processPayment(toPay);
  const { payment: held } = await shop.payments().authorizePayment(toHold);
  const ids = [paid!.paymentId, held!.paymentId];
  // As the provider's, but for the secret.
  const forged = `t=${Math.floor(shop.network.clock.now() / 1_000)},v1=${'0'.repeat(64)}`;
  return {
    names: {
      order_id: [toPay.orderId, toHold.orderId],
      payment_id: ids,
      payload: ids.map((id) => ({ theirs: eventOf(id), nobodys: eventOf(uuidv7()) })),
      signature: [{ theirs: forged, nobodys: forged }],
    },
  };
};

/** An event that would tell something new of a payment, if the provider had signed it. */
function eventOf(paymentId: string): Uint8Array {
  const operation = { key: `${paymentId}:charge`, state: 'voided', amount_minor: '1', code: '' };
  return Buffer.from(JSON.stringify({ id: uuidv7(), data: { ...operation, currency: 'EUR' } }));
}
