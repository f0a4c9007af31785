/** An order as it begins, for this service's own tests. */
import type { Order } from './domain.ts';

export const pending: Order = {
  orderId: 'order',
  userId: 'user',
  lines: [],
  currency: 'EUR',
  totalMinor: 100n,
  status: 'PENDING',
  step: 'RESERVE',
  cancelReason: undefined,
  cancelDetail: '',
  paymentId: undefined,
  trackingCode: '',
  address: { recipient: '', lines: [], city: '', postalCode: '', countryCode: 'DE' },
  version: 1n,
  createdAt: 0,
  updatedAt: 0,
};
