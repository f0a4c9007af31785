/** The shopping story: sign up, look around, buy, run out of luck with a card, change one's mind. */
import { setTimeout } from 'node:timers/promises';
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
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { moneyText } from '#kit/money.ts';
import type { Channel } from '#kit/rpc/client/channel.ts';
import { createClient } from '#kit/rpc/client/client.ts';
import { openInbox } from './inbox.ts';

type Say = (line: string) => void;

/** What the story's shopper looks for. */
export const demoCategory = 'shoes/running';

const password = 'a-story-worth-telling';
/** Milliseconds in which the whole story has been told, on a slow machine too. */
const storyMsMax = 60_000;
const pauseMs = 50;
const shippingAddress = {
  recipient: 'Grace Hopper',
  lines: ['1 Harbour Street'],
  city: 'Hamburg',
  postalCode: '20457',
  countryCode: 'DE',
};

export async function playShop(gateway: Channel, say: Say): Promise<void> {
  const clients = {
    users: createClient(UserService, gateway),
    sessions: createClient(SessionService, gateway),
    products: createClient(ProductService, gateway),
    inventory: createClient(InventoryService, gateway),
    orders: createClient(OrderService, gateway),
    payments: createClient(PaymentService, gateway),
    notifications: createClient(NotificationService, gateway),
  };
  const { users, sessions, products, inventory, orders, payments, notifications } = clients;

  const email = `grace.${Date.now()}@meshwork.example`;
  await users.createUser({ requestId: uuidv7(), email, password, name: 'Grace Hopper' });
  const { tokens } = await sessions.authenticate({ requestId: uuidv7(), email, password });
  const as = { headers: { authorization: `Bearer ${tokens!.accessToken}` } };
  say(`1. signed up and in as ${email}`);
  const inbox = await openInbox(
    notifications.streamNotifications({}, { ...as, timeoutMs: storyMsMax }),
  );

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
}

/** Asks until the answer is the awaited one; throws when it does not come while the story lasts. */
async function eventually<Answer>(
  ask: () => Promise<Answer>,
  isIt: (answer: Answer) => boolean,
): Promise<Answer> {
  const until = Date.now() + storyMsMax;
  for (;;) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    if (Date.now() > until) throw new Error(`not done after ${storyMsMax / 1_000} s`);
    await setTimeout(pauseMs);
  }
}

function tell(order: Order): string {
  const reason =
    order.cancelReason === CancelReason.UNSPECIFIED
      ? ''
      : ` because ${name(CancelReason, order.cancelReason)} ${order.cancelDetail}`.trimEnd();
  const amount = moneyText(order.total!, 'en');
  return `order ${order.orderId}, ${amount}, ${name(OrderStatus, order.status)}${reason}`;
}

/** Generated enums have no reverse look-up. */
function name(values: Record<string, number>, value: number): string {
  return Object.entries(values).find(([, number]) => number === value)?.[0] ?? String(value);
}
