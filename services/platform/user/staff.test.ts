import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Role, UserStatus } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { meetInTurn } from '#kit/testing/meet.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { clientsOf } from './testing.ts';

let network: Network;
let second: Network;
/** Has a token of the staff and no account: may do what staff may, and is nobody whom the service counts. */
let outsider: Person;

beforeAll(async () => {
  network = await startNetwork(['platform.user']);
  second = await startNetwork(['platform.user'], { joins: network });
  outsider = await network.person({ roles: ['staff'] });
});
afterAll(async () => {
  await second.stop();
  await network.stop();
});

interface Staff {
  userId: string;
  headers: Person['headers'];
}

/** So many people, who are all the staff there is. */
async function onlyStaff(count: number): Promise<Staff[]> {
  await network.sql`update platform_user.app_user set roles = '{CUSTOMER}'`;
  const people = Array.from({ length: count }, async () => {
    const { signUp, signIn, users } = clientsOf(network);
    const { userId, email } = await signUp();
    const roles = [Role.CUSTOMER, Role.STAFF];
    await users.setRoles({ requestId: uuidv7(), userId, roles }, { headers: outsider.headers });
    const { headers } = await signIn(email);
    return { userId, headers };
  });
  return Promise.all(people);
}

async function countStaff(): Promise<number> {
  const rows = await network.sql`
    select from platform_user.app_user where 'STAFF' = any(roles) and status = 'ACTIVE'`;
  return rows.length;
}

/** How somebody goes from the staff: by another's hand, or by their own. */
const ways = {
  demoted: (who: Staff, by: Pick<Staff, 'headers'>, from = network) => {
    const request = { requestId: uuidv7(), userId: who.userId, roles: [Role.CUSTOMER] };
    return clientsOf(from).users.setRoles(request, { headers: by.headers });
  },
  suspended: (who: Staff, by: Pick<Staff, 'headers'>, from = network) => {
    const request = { requestId: uuidv7(), userId: who.userId, reason: 'fraud' };
    return clientsOf(from).users.suspendUser(request, { headers: by.headers });
  },
  deactivated: ({ headers }: Staff, _: Pick<Staff, 'headers'>, from = network) =>
    clientsOf(from).users.deactivateUser({ requestId: uuidv7() }, { headers }),
};
const names = ['demoted', 'suspended', 'deactivated'] as const;
const refusalOf = ({ userId }: Staff) => ({
  code: 'failed_precondition',
  reason: 'LAST_STAFF',
  metadata: { user_id: userId },
});

describe('the last of the staff who is active', () => {
  test.each(names)('cannot be %s, until there is another', async (way) => {
    const [last, other] = (await onlyStaff(2)) as [Staff, Staff];
    // Who was suspended is on the staff still, and cannot do its work.
    await ways.suspended(other, outsider);
    await expect(ways[way](last, outsider)).rejects.toMatchObject(refusalOf(last));
    const { user } = await clientsOf(network).users.getUser(last, { headers: last.headers });
    expect(user!.status).toBe(UserStatus.ACTIVE);
    expect(user!.roles).toContain(Role.STAFF);

    const request = { requestId: uuidv7(), userId: other.userId, reason: 'cleared' };
    await clientsOf(network).users.reinstateUser(request, { headers: outsider.headers });
    await ways[way](last, outsider);
    expect(await countStaff()).toBe(1);
  });

  test.each(names.flatMap((one) => names.map((two) => [one, two] as const)))(
    'stays when one of two is %s while the other is %s by another process',
    async (one, two) => {
      const [first, last] = (await onlyStaff(2)) as [Staff, Staff];
      const results = await meetInTurn(
        { point: 'platform.user.changing', sql: network.sql },
        () => ways[one](first, last),
        () => ways[two](last, first, second),
      );
      expect(results).toMatchObject([
        { status: 'fulfilled' },
        { status: 'rejected', reason: refusalOf(last) },
      ]);
      expect(await countStaff()).toBe(1);
    },
  );
});
