import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type MeshProcess, startProcess } from '../mesh/process.ts';
import { root } from '../run.ts';
import { createRestarter, type Restarter } from './restarter.ts';

const file = 'services/commerce/order/rpc.ts';
const serving = `process.on('SIGTERM', () => process.exit());
process.on('disconnect', () => process.exit());
process.send({ ready: [] });
`;

let folder: string;
let order: MeshProcess;
let restarter: Restarter;
let said: string[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshwork-restarter-'));
  write(serving);
  said = [];
  order = await startProcess({
    name: 'commerce.order',
    entry: relative(root, join(folder, 'main.ts')),
    args: [],
    env: {},
    logFile: join(folder, 'order.log'),
    onExit: (name, cause) => said.push(`${name} ended (${cause})`),
  });
  restarter = createRestarter([order], (line) => said.push(line));
});
afterEach(async () => {
  await restarter.stop();
  await order.stop();
  rmSync(folder, { recursive: true });
});

const write = (text: string) => writeFileSync(join(folder, 'main.ts'), text);

/** What is said because the file changed. */
async function saidAfterChange(): Promise<string[]> {
  said = [];
  restarter.changed(file);
  await expect.poll(() => said.length, { timeout: 20_000 }).toBeGreaterThan(0);
  return said;
}

test('a restart is told in one line', async () => {
  const { pid } = order;
  const restarted = [`commerce.order restarted (${file} changed)`];
  expect(await saidAfterChange()).toEqual(restarted);
  expect(order.pid).not.toBe(pid);
  expect(await saidAfterChange()).toEqual(restarted);
});

test('a broken file is told once, with its place, and the next version of it brings the process back', async () => {
  write(`${serving}const broken = ;\n`);
  const lines = await saidAfterChange();
  expect(lines).toEqual([expect.stringMatching(/did not start: .*main\.ts:4: SyntaxError.*: \S/)]);
  // Nothing is left that could try again by itself.
  expect(order.pid).toBeUndefined();
  await expect(order.ready()).rejects.toThrow('did not start');
  expect(said).toBe(lines);

  write(serving);
  expect(await saidAfterChange()).toEqual([`commerce.order restarted (${file} changed)`]);
  expect(order.pid).toBeDefined();
});

test('a crash is told as one, and the process comes back by itself', async () => {
  await saidAfterChange();
  said = [];
  order.kill('SIGKILL');
  await expect.poll(() => said).toEqual(['commerce.order ended (SIGKILL)']);
  await order.ready();
  expect(order.restarts).toBe(1);
});
