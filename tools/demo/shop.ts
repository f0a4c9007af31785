/** The shopping story: sign up, look around, buy, run out of luck with a card, change one's mind. */
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import {
  CancelReason,
  type Order,
  OrderService,
  OrderStatus,
} from '#gen/commerce/order/v1/order_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { PaymentService, PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { NotificationService } from '#gen/platform/notification/v1/notification_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { moneyText } from '#kit/money.ts';
import { createClient } from '#kit/rpc/client/client.ts';
import { signIn } from '../gateway.ts';
import { eventually, listen, name, type Story, signUp } from './story.ts';

/** What the story's shopper looks for. */
export const demoCategory = 'shoes/running';

const shippingAddress = {
  recipient: 'Grace Hopper',
  lines: ['1 Harbour Street'],
  city: 'Hamburg',
  postalCode: '20457',
  countryCode: 'DE',
};

export const playShop: Story = async (gateway, say) => {
  const clients = {
    products: createClient(ProductService, gateway),
    inventory: createClient(InventoryService, gateway),
    orders: createClient(OrderService, gateway),
    payments: createClient(PaymentService, gateway),
    notifications: createClient(NotificationService, gateway),
  };
  const { products, inventory, orders, payments, notifications } = clients;

  const grace = await signUp(gateway, 'Grace Hopper');
  const as = await signIn(gateway, grace);
  say(`1. signed up and in as ${grace.email}`);
  const inbox = await listen(gateway, as);

  const page = await products.listProducts({ category: demoCategory, pageSize: 3 });
  if (page.products.length === 0) {
    throw new Error(
      `nothing is in ${demoCategory}: npm start without --empty stocks the demo shop`,
    );
  }
  for (const product of page.products) {
    say(`2. sees ${product.title} / ${product.localizedTexts['zh-Hans']?.title ?? ''}`);
  }
  const { sku } = page.products[0]!.variants[0]!;
  const stockLine = async () => {
    const { stock } = await inventory.getStock({ sku });
    return `${sku}: ${stock!.onHand} on hand, ${stock!.reserved} reserved`;
  };
  say(`   ${await stockLine()}`);

  const buy = (paymentToken: string, quantity: bigint) =>
    orders.createOrder(
      { requestId: uuidv7(), lines: [{ sku, quantity }], paymentToken, shippingAddress },
      as,
    );
  const bought = (await buy('tok_visa', 2n)).order!;
  say(`3. buys two: ${tell(bought)}`);
  const paymentOf = async ({ orderId: value }: Order) =>
    (await payments.getPayment({ key: { case: 'orderId', value } }, as)).payment!;
  say(`   payment ${name(PaymentStatus, (await paymentOf(bought)).status)}`);
  say(`   ${await stockLine()}`);

  say(`4. tries a card without funds: ${tell((await buy('tok_insufficient_funds', 1n)).order!)}`);
  const { stock } = await inventory.getStock({ sku });
  const tooMany = stock!.available + 1n;
  say(
    `5. wants ${tooMany}, one more than there is: ${tell((await buy('tok_visa', tooMany)).order!)}`,
  );

  const cancel = { requestId: uuidv7(), orderId: bought.orderId };
  say(`6. changes her mind: ${tell((await orders.cancelOrder(cancel, as)).order!)}`);
  // A refund is promised at once; the provider carries it out a moment later.
  const refunded = await eventually(
    () => paymentOf(bought),
    ({ status }) => status === PaymentStatus.REFUNDED,
  );
  const refund = { amountMinor: refunded.refundedMinor, currencyCode: bought.total!.currencyCode };
  say(`   payment ${name(PaymentStatus, refunded.status)}: ${moneyText(refund, 'en')}`);
  say(`   ${await stockLine()}`);

  say('7. was told meanwhile, by event and stream, in the order of arrival:');
  // Paid, declined, out of stock, cancelled, refunded.
  for (const { title, body } of await inbox.read(5)) say(`   ${title}. ${body}`);
  const { unreadCount } = await notifications.getUnreadCount({}, as);
  say(`   ${unreadCount} unread`);
  await inbox.close();
};

function tell(order: Order): string {
  const reason =
    order.cancelReason === CancelReason.UNSPECIFIED
      ? ''
      : ` because ${name(CancelReason, order.cancelReason)} ${order.cancelDetail}`.trimEnd();
  const amount = moneyText(order.total!, 'en');
  return `order ${order.orderId}, ${amount}, ${name(OrderStatus, order.status)}${reason}`;
}
