/** A shop in the test's own process: catalogue, stock, payment with its provider, and orders. */
import { expect } from 'vitest';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import { ProductService, type ProductStatus } from '#gen/commerce/product/v1/product_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import type { NetworkOptions, Person } from '#kit/testing/network.ts';
import { type PaidNetwork, startPaidNetwork } from '#services/finance/payment/sandbox/testing.ts';

export const shopServices = [
  'commerce.product',
  'commerce.inventory',
  'finance.payment',
  'commerce.order',
];

export interface Shop extends PaidNetwork {
  orders: Client<typeof OrderService>;
  staff: Person;
  /** Puts a SKU of a new product on sale, at 19.99 EUR, and answers it. */
  stocked(units: bigint, sku?: string): Promise<string>;
  /** Gives the product of a SKU a status, as staff do. */
  mark(sku: string, status: ProductStatus): Promise<void>;
  /** What CreateOrder needs, for one unit by a good card unless said otherwise. */
  wanted(
    sku: string,
    more?: { quantity?: bigint; paymentToken?: string; accountId?: string; requestId?: string },
  ): OrderRequest;
  stockOf(sku: string): Promise<{ onHand: bigint; reserved: bigint; available: bigint }>;
  /**
   * Settles, then holds the books against each other: every order final or waiting to be shipped, captured money equal
   * to paid orders, nothing reserved for an order that is settled, units sold equal to units ordered, and these with
   * what is left equal to all that staff ever put in or took out.
   */
  expectSound(): Promise<void>;
}

export type OrderRequest = Parameters<Client<typeof OrderService>['createOrder']>[0];

const address = {
  recipient: 'Ada Lovelace',
  lines: ['12 St James Square'],
  city: 'London',
  postalCode: 'SW1Y 4JH',
  countryCode: 'GB',
};

/** `services` names all that run, in the order of their start, where that is more than the shop. */
export async function startShop({
  services = shopServices,
  ...options
}: Partial<NetworkOptions> & { services?: readonly string[] } = {}): Promise<Shop> {
  const paid = await startPaidNetwork(services, options);
  const { network } = paid;
  const staff = await network.person({ roles: ['staff'] });
  const products = network.client(ProductService, 'commerce.product');
  const inventory = network.client(InventoryService, 'commerce.inventory');
  const { headers } = staff;

  return {
    ...paid,
    get sandbox() {
      return paid.sandbox;
    },
    staff,
    orders: network.client(OrderService, 'commerce.order'),
    async stocked(units, sku = `SKU-${uuidv7()}`) {
      const unitPrice = { currencyCode: 'EUR', amountMinor: 1_999n };
      const product = {
        title: 'Comet backpack',
        category: 'bags',
        brand: '山行',
        variants: [{ sku, title: '', unitPrice }],
      };
      await products.createProduct({ requestId: uuidv7(), product }, { headers });
      await inventory.setStock({ requestId: uuidv7(), sku, onHand: units }, { headers });
      return sku;
    },
    async mark(sku, status) {
      const { variants } = await products.batchGetVariants({ skus: [sku] });
      const { productId } = variants[0]!;
      const { product } = await products.getProduct({ productId });
      const { version } = product!;
      const request = { productId, product: { status }, updateMask: { paths: ['status'] } };
      await products.updateProduct({ requestId: uuidv7(), version, ...request }, { headers });
    },
    wanted: (sku, { quantity = 1n, paymentToken, accountId, requestId = uuidv7() } = {}) => ({
      requestId,
      lines: [{ sku, quantity }],
      ...(accountId === undefined ? { paymentToken: paymentToken ?? 'tok_visa' } : { accountId }),
      shippingAddress: address,
    }),
    async stockOf(sku) {
      const { stock } = await inventory.getStock({ sku });
      return { onHand: stock!.onHand, reserved: stock!.reserved, available: stock!.available };
    },
    async expectSound() {
      await paid.expectBalanced();
      await expectBooksAgree(paid);
    },
  };
}

async function expectBooksAgree({ network }: PaidNetwork): Promise<void> {
  const { sql } = network;
  const open = await sql`select * from commerce_order.customer_order where step <> 'DONE'`;
  expect(open, 'sagas that are not done').toHaveLength(0);
  const money = await sql`
    select order_id, o.status, o.total_minor, p.captured_minor, p.refunded_minor
    from commerce_order.customer_order o full join finance_payment.payment p using (order_id)
    where case when o.status in ('PAID', 'SHIPPED', 'DELIVERED') then o.total_minor else 0 end
      <> coalesce(p.captured_minor - p.refunded_minor, 0)`;
  expect(money, 'orders whose money does not match').toHaveLength(0);
  const stock = await sql`
    with sold as (
      select line ->> 0 as sku, sum((line ->> 3)::bigint) as units
      from commerce_order.customer_order, jsonb_array_elements(lines) as line
      where status in ('PAID', 'SHIPPED', 'DELIVERED') group by 1)
    select * from commerce_inventory.stock left join sold using (sku)
    where stock.sold <> coalesce(sold.units, 0) or stock.reserved <> 0
      or stock.on_hand + stock.sold <> (
        select coalesce(sum(delta), 0) from commerce_inventory.stock_movement m
        where m.sku = stock.sku)`;
  expect(stock, 'SKUs whose stock does not match').toHaveLength(0);
}
