import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';

/** What the contract allows a person of ChangePassword in a minute. */
const callsMax = 20;
let network: Network;
let second: Network;

beforeAll(async () => {
  network = await startNetwork(['platform.gateway']);
  second = await startNetwork(['platform.gateway'], { joins: network });
});
afterAll(async () => {
  await second.stop();
  await network.stop();
});

/** Asks a door so often, and counts what it lets in: the request is no good, which is found out behind the limit. */
async function knock(door: Network, headers: Record<string, string>, count: number) {
  const users = door.client(UserService, 'platform.gateway');
  let admitted = 0;
  for (let i = 0; i < count; i += 1) {
    const { reason } = await users.changePassword({}, { headers }).catch((error) => error);
    expect(['FIELD_INVALID', 'RATE_LIMITED']).toContain(reason);
    if (reason === 'FIELD_INVALID') admitted += 1;
  }
  return admitted;
}

test('a person has one limit at all doors together', async () => {
  const { headers } = await network.person();
  expect(await knock(network, headers, callsMax)).toBe(callsMax);
  // A token comes back every three seconds: a busy machine may see some of them, and never as many as are its own.
  expect(await knock(second, headers, callsMax)).toBeLessThan(callsMax / 2);
  const { headers: another } = await network.person();
  expect(await knock(second, another, 1)).toBe(1);
});
