import type { Evidence } from '../evidence.ts';
import type { Shop } from './shop.ts';

export interface ShopEvidence extends Evidence {
  readonly shop: Shop;
  /** Totals of the card provider by currency, as it tells them itself. */
  provider(): Promise<Record<string, { captured_minor: string; refunded_minor: string }>>;
}
