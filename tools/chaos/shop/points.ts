/** The named places of the code (kit/debug.ts): those at which a chaos run kills, and those that it leaves to others. */

/** Places between two effects of an order, by the service that they are in; the last effect is that somebody is told. */
export const orderPoints: Readonly<Record<string, readonly string[]>> = {
  'platform.notification': ['platform.notification.before-commit'],
  'commerce.inventory': ['commerce.inventory.before-commit', 'commerce.inventory.before-expiry'],
  'finance.payment': [
    'finance.payment.before-charge',
    'finance.payment.after-charge',
    'finance.payment.before-authorize',
    'finance.payment.after-authorize',
    'finance.payment.before-capture',
    'finance.payment.after-capture',
    'finance.payment.before-refund',
    'finance.payment.after-refund',
    'finance.payment.before-void',
    'finance.payment.after-void',
    'finance.payment.after-record',
    'finance.payment.before-commit',
  ],
  'commerce.order': [
    'commerce.order.after-reserve',
    'commerce.order.before-reserved',
    'commerce.order.before-stock_refused',
    'commerce.order.after-payment',
    'commerce.order.before-paid',
    'commerce.order.before-payment_declined',
    'commerce.order.after-commit',
    'commerce.order.before-committed',
    'commerce.order.after-release',
    'commerce.order.after-void',
    'commerce.order.before-compensated',
    'commerce.order.before-renew',
    'commerce.order.before-commit',
  ],
};

/** Places of these services at which no chaos run kills, and why. */
export const otherPoints: Readonly<Record<string, string>> = {
  'finance.payment.after-hold':
    'no customer of a chaos run pays from an account; tests/chaos/account-payments.test.ts kills there, as at the next',
  'finance.payment.before-release': 'as finance.payment.after-hold',
  'finance.payment.before-bar':
    'a void would have to come while the payment is recorded and not yet sent; services/finance/payment/account-deaths.test.ts fails there',
  'finance.payment.before-bind':
    'a chaos run has no bank to settle into; services/finance/payment/settlement.test.ts fails there, as at the next two',
  'finance.payment.before-settle': 'as finance.payment.before-bind',
  'finance.payment.after-settle': 'as finance.payment.before-bind',
  'kit.vault.keys-made': 'no service on the way of an order has a vault',
  'commerce.order.before-payment_timed_out':
    'the provider would have to be away from a payment for a minute; tests/chaos/rare-deaths.test.ts kills there',
  'commerce.order.before-reservation_lost':
    'a hold of fifteen minutes would have to end between payment and commit; tests/chaos/rare-deaths.test.ts kills there',
};
