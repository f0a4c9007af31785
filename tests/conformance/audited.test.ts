/** What the contract wants audited is audited: each action leaves one entry, which says who did it to what. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import { allMethods } from '../support/any-method.ts';
import { type Deed, deedsIn } from '../support/audited.ts';
import type { Owner } from '../support/owner.ts';
import { startWorld, type World } from '../support/world.ts';

let world: World;
/** Somebody who owns one of everything has done what has no deed of its own. */
let owner: Owner;
const deeds = new Map<string, Deed>();
beforeAll(async () => {
  world = await startWorld();
  owner = await world.owner('audited', 2n);
  for (const [action, act] of Object.entries(deedsIn(world))) deeds.set(action, await act());
  await world.settle();
}, 120_000);
afterAll(() => world.stop());

const actions = [
  ...new Set(allMethods().flatMap(({ policy }) => policy.audit?.action ?? [])),
].sort();

async function find(filter: { action: string; resourceId?: string; who?: string }) {
  const resource = filter.action.slice(0, filter.action.indexOf('.'));
  const log = world.network.client(AuditService, 'platform.audit');
  return (await log.listAuditLogs({ ...filter, resource }, world.staff)).auditLogs;
}

describe('an action that is audited', () => {
  test.each(actions)('%s leaves one entry', async (action) => {
    const deed = deeds.get(action);
    if (deed === undefined) {
      const found = await find({ action, who: owner.id });
      expect(found, 'nobody who owns one of everything has done it').not.toEqual([]);
      expect(found.filter(({ resourceId }) => resourceId === '')).toEqual([]);
      return;
    }
    const { resourceId, who, subjectId } = deed;
    expect(resourceId).not.toBe('');
    const found = await find({ action, resourceId });
    expect(found.map(({ userId, service }) => userId || service)).toEqual([who]);
    if (subjectId !== undefined) expect(found[0]!.subjectId).toBe(subjectId);
  });

  test('is one of the contract wherever tests/support/audited.ts describes it', () => {
    expect([...deeds.keys()].filter((action) => !actions.includes(action))).toEqual([]);
  });
});

test('an entry says by which program and from where a browser came through the public door', async () => {
  const { network, staff } = world;
  const door = network.service('platform.gateway').address;
  const sku = await world.stocked(1n);
  const response = await fetch(
    `http://${door}/commerce.inventory.v1.InventoryService/AdjustStock`,
    {
      method: 'POST',
      headers: {
        ...staff.headers,
        'content-type': 'application/json',
        'user-agent': 'canary-browser/1.0',
        'x-forwarded-for': '198.51.100.9',
        'x-meshwork-origin-address': '198.51.100.9',
      },
      body: JSON.stringify({ requestId: crypto.randomUUID(), sku, delta: '1', reason: 'found' }),
    },
  );
  expect(response.status).toBe(200);
  await world.settle();
  expect(await find({ action: 'stock.adjust', resourceId: sku })).toMatchObject([
    { userAgent: 'canary-browser/1.0', address: '127.0.0.1', service: 'platform.gateway' },
  ]);
});
