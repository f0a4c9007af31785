import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import { clientsOf } from './testing.ts';

let network: Network;
let clients: ReturnType<typeof clientsOf>;

beforeAll(async () => {
  network = await startNetwork(['platform.user']);
  clients = clientsOf(network);
});
afterAll(() => network.stop());

describe('an address book', () => {
  const postalAddress = {
    recipient: 'Ada Lovelace',
    lines: ['12 St James’s Square'],
    city: 'London',
    postalCode: 'SW1Y 4JH',
    countryCode: 'GB',
  };
  const add = (headers: { authorization: string }, label = 'home') =>
    clients.users.addAddress({ requestId: uuidv7(), label, postalAddress }, { headers });

  test('is filled, changed, listed page by page and emptied', async () => {
    const { headers } = await clients.person();
    const [home, work] = [await add(headers), await add(headers, 'work')];
    const addressId = home.address!.addressId;
    await clients.users.updateAddress(
      { requestId: uuidv7(), addressId, label: 'first', postalAddress },
      { headers },
    );
    const first = await clients.users.listAddresses({ pageSize: 1 }, { headers });
    const pageToken = first.nextPageToken;
    const second = await clients.users.listAddresses({ pageSize: 1, pageToken }, { headers });
    expect([...first.addresses, ...second.addresses]).toMatchObject([
      { label: 'first', postalAddress },
      { addressId: work.address!.addressId, label: 'work' },
    ]);
    await clients.users.removeAddress({ requestId: uuidv7(), addressId }, { headers });
    const left = await clients.users.listAddresses({}, { headers });
    expect(left.addresses.map(({ label }) => label)).toEqual(['work']);
  });

  test('holds no more than its limit, however many are added at once', async () => {
    const { headers } = await clients.person();
    const results = await Promise.allSettled(
      Array.from({ length: limits.addressesPerUserMax + 5 }, () => add(headers)),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(5);
    expect(refused[0]!.reason).toMatchObject({
      code: 'resource_exhausted',
      reason: 'TOO_MANY_ADDRESSES',
      metadata: { limit: String(limits.addressesPerUserMax) },
    });
  });

  test('is nobody else’s to read or to change', async () => {
    const [person, stranger] = [await clients.person(), await clients.person()];
    const addressId = (await add(person.headers)).address!.addressId;
    const { headers } = stranger;
    await expect(
      clients.users.listAddresses({ userId: person.userId }, { headers }),
    ).rejects.toMatchObject({ code: 'not_found', reason: 'USER_NOT_FOUND' });
    const missing = {
      code: 'not_found',
      reason: 'ADDRESS_NOT_FOUND',
      metadata: { address_id: addressId },
    };
    await expect(
      clients.users.removeAddress({ requestId: uuidv7(), addressId }, { headers }),
    ).rejects.toMatchObject(missing);
    await expect(
      clients.users.updateAddress(
        { requestId: uuidv7(), addressId, label: 'mine', postalAddress },
        { headers },
      ),
    ).rejects.toMatchObject(missing);
    const order = network.client(UserService, 'platform.user', { service: 'commerce.order' });
    const { addresses } = await order.listAddresses({ userId: person.userId });
    expect(addresses).toHaveLength(1);
  });
});
