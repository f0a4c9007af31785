// Signs in, shows the shop, buys, and shows live what the buyer is told.
import { Code, ConnectError } from '@connectrpc/connect';
import { CancelReasonSchema, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import type { Notification } from '#gen/platform/notification/v1/notification_pb.ts';
import { forgetToken, notifications, orders, products, signIn } from './mesh.ts';

const limits = { productsShown: 5, reconnectMsMin: 250, reconnectMsMax: 10_000 } as const;

const shippingAddress = {
  recipient: 'Ada Lovelace',
  lines: ['12 St James Square'],
  city: 'London',
  postalCode: 'SW1Y 4JH',
  countryCode: 'GB',
};

const element = (id: string) => document.getElementById(id)!;
const form = element('sign-in') as HTMLFormElement;

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const filled = new FormData(form);
  void showing('Signed in.', async () => {
    await signIn(String(filled.get('email')), String(filled.get('password')));
    form.hidden = true;
    // Whoever buys before the stream is open would not hear of it.
    await new Promise<void>((opened) => void followNotifications(opened));
    await showShop();
  });
});

async function showShop(): Promise<void> {
  const page = await products.listProducts({ pageSize: limits.productsShown });
  for (const { title, variants } of page.products) {
    const { sku, unitPrice } = variants[0]!;
    const { amountMinor, currencyCode } = unitPrice!;
    const item = line('shop', `${title}, ${price(amountMinor, currencyCode)} `);
    const button = item.appendChild(document.createElement('button'));
    button.textContent = 'Buy';
    button.addEventListener('click', () => void buy(sku));
  }
}

async function buy(sku: string): Promise<void> {
  await showing('', async () => {
    const lines = [{ sku, quantity: 1n }];
    const request = { requestId: crypto.randomUUID(), lines, shippingAddress };
    const { order } = await orders.createOrder({ ...request, paymentToken: 'tok_visa' });
    const reason = CancelReasonSchema.value[order!.cancelReason]!.localName;
    const status =
      order!.status === OrderStatus.PAID ? 'paid' : `cancelled, ${reason} ${order!.cancelDetail}`;
    element('status').textContent = `Order ${order!.orderId}: ${status}.`;
  });
}

/** A stream that breaks is opened again where it was, so that nothing is missed or shown twice. */
async function followNotifications(opened: () => void): Promise<void> {
  let cursor = '';
  for (let pauseMs: number = limits.reconnectMsMin; ; ) {
    try {
      for await (const answer of notifications.streamNotifications({ cursor })) {
        opened();
        cursor = answer.cursor;
        pauseMs = limits.reconnectMsMin;
        for (const notification of answer.notifications) show(notification);
        const { unreadCount } = await notifications.getUnreadCount({});
        element('unread').textContent = String(unreadCount);
      }
    } catch (error) {
      if (ConnectError.from(error).code === Code.Unauthenticated) return signedOut();
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(2 * pauseMs, limits.reconnectMsMax);
  }
}

/** Access tokens live for minutes; an application would renew its own with RefreshToken. */
function signedOut(): void {
  forgetToken();
  form.hidden = false;
  // Whoever signs in next may be somebody else.
  for (const list of ['shop', 'told']) element(list).replaceChildren();
  element('unread').textContent = '0';
  element('status').textContent = 'Signed out: sign in again.';
}

function show({ title, body }: Notification): void {
  line('told', `${title}. ${body}`);
}

function line(list: string, text: string): HTMLLIElement {
  const item = document.createElement('li');
  item.textContent = text;
  element(list).append(item);
  return item;
}

function price(amountMinor: bigint, currencyCode: string): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency: currencyCode });
  const digits = format.resolvedOptions().maximumFractionDigits!;
  return format.format(`${amountMinor}E-${digits}` as Intl.StringNumericLiteral);
}

/** Says what was done, or why it was not. */
async function showing(done: string, work: () => Promise<void>): Promise<void> {
  const status = element('status');
  try {
    await work();
    if (done !== '') status.textContent = done;
  } catch (error) {
    status.textContent = ConnectError.from(error).rawMessage;
  }
}
