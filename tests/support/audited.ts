/** Deeds that the contract wants audited; of those that belongings do (tests/support/belongings/) there need be none here. */
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import { ProductService, ProductStatus } from '#gen/commerce/product/v1/product_pb.ts';
import { PaymentService } from '#gen/finance/payment/v1/payment_pb.ts';
import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import { KeyService } from '#gen/platform/identity/v1/identity_pb.ts';
import { OpsService } from '#gen/platform/ops/v1/ops_pb.ts';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { Role, UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { madeOf, publishAll } from '#services/platform/audit/testing.ts';
import { addressOf } from './account.ts';
import { deedsWithAccounts } from './audited-accounts.ts';
import { deedsAtTheBank } from './audited-bank.ts';
import { deedsWithCases } from './audited-cases.ts';
import type { Stranger, World } from './world.ts';

/** What an entry is expected to say; `who` is absent where a service does it for itself. */
export interface Deed {
  resourceId: string;
  who?: string;
  subjectId?: string;
}

/** Does everything once that is audited; answers by action what its entry is to say. */
export function deedsIn(world: World): Record<string, () => Promise<Deed>> {
  return {
    ...deedsOfPeople(world),
    ...deedsOfStaff(world),
    ...deedsWithMoney(world),
    ...deedsAtTheBank(world),
    ...deedsWithAccounts(world),
    ...deedsWithCases(world),
  };
}

const requestId = () => uuidv7();

function deedsOfPeople(world: World): Record<string, () => Promise<Deed>> {
  const { network } = world;
  const users = network.client(UserService, 'platform.gateway');
  const sessions = network.client(SessionService, 'platform.gateway');
  const postalAddress = { ...addressOf('audited'), region: '' };

  /** Somebody new does something to what is theirs. */
  const own = (act: (person: Stranger) => Promise<unknown>) => async (): Promise<Deed> => {
    const person = await world.newcomer();
    await act(person);
    return { resourceId: person.id, who: person.id, subjectId: person.id };
  };
  const signUp = async () => {
    const credentials = { email: `${uuidv7()}@example.com`, password: 'long enough to be one' };
    const { user } = await users.createUser({ requestId: requestId(), ...credentials, name: 'A' });
    return { id: user!.userId, credentials };
  };
  const addAddress = async ({ headers }: Stranger) => {
    const request = { requestId: requestId(), label: 'home', postalAddress };
    const { address } = await users.addAddress(request, { headers });
    return address!.addressId;
  };
  return {
    'user.create': async () => {
      const { id } = await signUp();
      return { resourceId: id, who: 'platform.gateway', subjectId: id };
    },
    'session.start': async () => {
      const { id, credentials } = await signUp();
      const { tokens } = await sessions.authenticate({ requestId: requestId(), ...credentials });
      return { resourceId: tokens!.sessionId, who: 'platform.gateway', subjectId: id };
    },
    'session.end': async () => {
      const { id, headers } = await world.newcomer();
      const { sessionId } = await sessions.signOut({ requestId: requestId() }, { headers });
      return { resourceId: sessionId, who: id };
    },
    'session.end_all': own(({ headers }) =>
      sessions.signOutEverywhere({ requestId: requestId() }, { headers }),
    ),
    'user.update': own(({ id: userId, headers }) => {
      const change = { name: 'Grace', updateMask: { paths: ['name'] } };
      return users.updateUser({ requestId: requestId(), userId, ...change }, { headers });
    }),
    'user.change_password': own(({ headers, password: currentPassword }) => {
      const change = { currentPassword, newPassword: 'another that is long enough' };
      return users.changePassword({ requestId: requestId(), ...change }, { headers });
    }),
    'user.deactivate': own(({ headers }) =>
      users.deactivateUser({ requestId: requestId() }, { headers }),
    ),
    'user.update_address': own(async (person) => {
      const addressId = await addAddress(person);
      const { headers } = person;
      const change = { addressId, label: 'work', postalAddress };
      return users.updateAddress({ requestId: requestId(), ...change }, { headers });
    }),
    'user.remove_address': own(async (person) => {
      const addressId = await addAddress(person);
      const { headers } = person;
      return users.removeAddress({ requestId: requestId(), addressId }, { headers });
    }),
  };
}

function deedsOfStaff({ network, staff, newcomer }: World): Record<string, () => Promise<Deed>> {
  const users = network.client(UserService, 'platform.gateway');
  const products = network.client(ProductService, 'platform.gateway');
  const inventory = network.client(InventoryService, 'platform.gateway');
  const who = staff.id;

  const toSomebody = (act: (userId: string) => Promise<unknown>) => async (): Promise<Deed> => {
    const { id } = await newcomer();
    await act(id);
    return { resourceId: id, who, subjectId: id };
  };
  const suspend = (userId: string) =>
    users.suspendUser({ requestId: requestId(), userId, reason: 'a test' }, staff);
  const makeProduct = async () => {
    const unitPrice = { currencyCode: 'EUR', amountMinor: 1n };
    const variants = [{ sku: `SKU-${uuidv7()}`, title: '', unitPrice }];
    const product = { title: 'Lamp', category: 'lamps', brand: 'A', variants };
    return (await products.createProduct({ requestId: requestId(), product }, staff)).product!;
  };
  const setStock = async () => {
    const sku = `SKU-${uuidv7()}`;
    await inventory.setStock({ requestId: requestId(), sku, onHand: 3n }, staff);
    return { resourceId: sku, who };
  };
  return {
    'user.set_roles': toSomebody((userId) =>
      users.setRoles({ requestId: requestId(), userId, roles: [Role.CUSTOMER] }, staff),
    ),
    'user.suspend': toSomebody(suspend),
    'user.reinstate': toSomebody(async (userId) => {
      await suspend(userId);
      await users.reinstateUser({ requestId: requestId(), userId, reason: 'a test' }, staff);
    }),
    'signing_key.rotate': async () => {
      const keys = network.client(KeyService, 'platform.gateway');
      const { key } = await keys.rotateSigningKey({ requestId: requestId() }, staff);
      return { resourceId: key!.keyId, who };
    },
    'dead_letter.replay': async () => {
      const { database } = network.service('platform.audit');
      const strange = madeOf('strange', 1, { secret: 'a secret that nobody else has: xxxx' });
      await publishAll(database, [strange]);
      await network.settle();
      const ops = network.client(OpsService, 'platform.audit');
      await ops.replayDeadLetters({ requestId: requestId(), eventIds: [strange.id!] }, staff);
      return { resourceId: strange.id!, who };
    },
    'product.create': async () => ({ resourceId: (await makeProduct()).productId, who }),
    'product.update': async () => {
      const { productId, version } = await makeProduct();
      const change = {
        product: { status: ProductStatus.DISCONTINUED },
        updateMask: { paths: ['status'] },
      };
      await products.updateProduct(
        { requestId: requestId(), productId, version, ...change },
        staff,
      );
      return { resourceId: productId, who };
    },
    'stock.set': setStock,
    'stock.adjust': async () => {
      const { resourceId: sku } = await setStock();
      const change = { sku, delta: -1n, reason: 'broken' };
      await inventory.adjustStock({ requestId: requestId(), ...change }, staff);
      return { resourceId: sku, who };
    },
    'subject.erase': async () => {
      const as = { service: 'platform.user' };
      const subjectId = uuidv7();
      const log = network.client(AuditService, 'platform.audit', as);
      await log.eraseSubject({ requestId: requestId(), subjectId });
      return { resourceId: subjectId, who: 'platform.user' };
    },
  };
}

function deedsWithMoney(world: World): Record<string, () => Promise<Deed>> {
  const { network, staff } = world;
  const orders = network.client(OrderService, 'platform.gateway');
  const desk = network.client(PaymentService, 'platform.gateway');
  const who = 'commerce.order';

  const paid = async () => {
    const asked = world.asked();
    const { payment } = await world.payments().processPayment(asked);
    return { asked, resourceId: payment!.paymentId, who, subjectId: asked.userId };
  };
  const authorized = async () => {
    const asked = world.asked();
    const { payment } = await world.payments().authorizePayment(asked);
    return { asked, resourceId: payment!.paymentId, who, subjectId: asked.userId };
  };
  const ordered = async () => {
    const { id, headers } = await world.newcomer();
    const request = world.wanted(await world.stocked(2n));
    const { order } = await orders.createOrder(request, { headers });
    return { headers, resourceId: order!.orderId, who: id, subjectId: id };
  };
  const ship = async () => {
    const { resourceId: orderId, subjectId } = await ordered();
    await orders.shipOrder({ requestId: requestId(), orderId, trackingCode: 'x' }, staff);
    return { resourceId: orderId, who: staff.id, subjectId };
  };
  return {
    'payment.process': paid,
    'payment.authorize': authorized,
    'payment.capture': async () => {
      const { asked: _, ...deed } = await authorized();
      const request = { requestId: requestId(), paymentId: deed.resourceId };
      await world.payments().capturePayment(request);
      return deed;
    },
    'payment.void': async () => {
      const { asked, ...deed } = await authorized();
      await world.payments().voidPayment({ requestId: requestId(), orderId: asked.orderId });
      return deed;
    },
    'payment.refund': async () => {
      const { resourceId: paymentId, subjectId } = await paid();
      const request = { requestId: requestId(), paymentId, amountMinor: 1n, reason: 'a scratch' };
      await desk.refundPayment(request, staff);
      return { resourceId: paymentId, who: staff.id, subjectId };
    },
    'order.create': ordered,
    'order.cancel': async () => {
      const { headers, ...deed } = await ordered();
      const request = { requestId: requestId(), orderId: deed.resourceId };
      await orders.cancelOrder(request, { headers });
      return deed;
    },
    'order.ship': ship,
    'order.deliver': async () => {
      const deed = await ship();
      await orders.deliverOrder({ requestId: requestId(), orderId: deed.resourceId }, staff);
      return deed;
    },
  };
}
