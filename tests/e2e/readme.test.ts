import { writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findPeer } from '#tools/peers.ts';
import { seed } from '#tools/seed/seed.ts';
import { firstExecutable } from '#tools/servers/lookup.ts';
import { runCommandLine } from '../support/command.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { createCheckout, readmeBlock } from '../support/readme.ts';

// In CI nothing is left out: there a missing program is a failure.
const grpcurl = await findPeer('grpcurl');
const isThere = (program: string) =>
  process.env.CI === 'true' || firstExecutable([program]) !== undefined;

describe('what README.md prints, on a started platform', () => {
  let mesh: TestMesh;
  let checkout: ReturnType<typeof createCheckout>;
  beforeAll(async () => {
    mesh = await startTestMesh('domain');
    await seed(mesh, { dataDir: mesh.dataDir, onProgress: () => {} });
    checkout = createCheckout();
  });
  afterAll(async () => {
    checkout?.remove();
    await mesh?.stop();
  });

  const gateway = () => mesh.addressOf('platform.gateway');
  const block = (marker: string) => readmeBlock(marker, gateway());
  const run = (command: string) => runCommandLine(command, checkout.folder);

  test('npm run demo tells the story to its end', async () => {
    const story = await run(`npm run demo -- --gateway ${gateway()}`);
    expect(story).toMatch(/payment REFUNDED: \d+ minor units/);
    expect(story).toMatch(/Order confirmed\. .* is paid/);
    expect(story).toMatch(/Refund on its way\. /);
    expect(story.trimEnd()).toMatch(/5 unread$/);
  });

  test('npm run demo without a platform says how to get one', async () => {
    const nowhere = run('npm run demo -- --gateway 127.0.0.1:1');
    await expect(nowhere).rejects.toThrow(
      /no platform answers at 127\.0\.0\.1:1; start it with: npm start/,
    );
  });

  test.runIf(grpcurl !== undefined)('grpcurl lists, signs in, buys once, and is told', async () => {
    const command = `PATH=${dirname(grpcurl!)}${delimiter}$PATH\n${block('**grpcurl**')}`;
    const first = await run(command);
    expect(first).toContain('platform.notification.v1.NotificationService');
    expect(first).toContain('"status": "ORDER_STATUS_PAID"');
    const [orderId] = /"orderId": "[^"]+"/.exec(first)!;
    await expect
      .poll(() => run(command), { interval: 1_000, timeout: 20_000 })
      .toMatch(/"title": "Order confirmed"/);
    expect(await run(command)).toContain(orderId);
  });

  test('TypeScript lists products', async () => {
    writeFileSync(join(checkout.folder, 'try.ts'), block('**TypeScript**'));
    expect(await run('npx node try.ts')).toMatch(/\[\s*'[^']+',\s*'[^']+',\s*'[^']+'\s*\]/);
  });

  test.runIf(isThere('python3'))('Python buys and is told', async () => {
    const printed = await run(block('**Python**'));
    expect(printed).toMatch(/^status: ORDER_STATUS_PAID$/m);
    expect(printed).toMatch(/^Order confirmed: Your order \w+ is paid: €\d+\.\d\d\./m);
  });

  test.runIf(isThere('curl'))('plain HTTP lists products', async () => {
    const { products } = JSON.parse(await run(block('**Plain HTTP**')));
    expect(products).toHaveLength(3);
  });
});
