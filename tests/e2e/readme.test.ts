import { writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findPeer } from '#tools/peers.ts';
import { run } from '#tools/run.ts';
import { seed } from '#tools/seed/seed.ts';
import { firstExecutable } from '#tools/servers/lookup.ts';
import { commandsToTry } from '#tools/start/commands.ts';
import { type Copy, copyRepository } from '../support/copy.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { readmeBlock } from '../support/readme.ts';
import { commandsIn } from '../support/start-output.ts';

// In CI nothing is left out: there a missing program is a failure.
const grpcurl = await findPeer('grpcurl');
const isThere = (program: string) =>
  process.env.CI === 'true' || firstExecutable([program]) !== undefined;

/** Milliseconds; pip may have to fetch on a slow line. */
const installMsMax = 240_000;

describe('what README.md prints, on a started platform', () => {
  let mesh: TestMesh;
  let checkout: Copy;
  beforeAll(async () => {
    mesh = await startTestMesh('domain');
    await seed(mesh, { dataDir: mesh.dataDir, onProgress: () => {} });
    checkout = copyRepository();
  });
  afterAll(async () => {
    checkout?.remove();
    await mesh?.stop();
  });

  const gateway = () => mesh.addressOf('platform.gateway');
  const block = (marker: string) => readmeBlock(marker, gateway());
  const attempt = (command: string) =>
    run('bash', ['-euo', 'pipefail', '-c', command], checkout.root);

  /** What a command line prints to its reader; it must succeed. */
  async function printedBy(command: string): Promise<string> {
    const { code, output } = await attempt(command);
    if (code !== 0) throw new Error(`${command} ended (${code}): ${output}`);
    return output;
  }

  /** What `npm start` says to try. */
  const printed = async () => commandsIn((await commandsToTry(mesh, mesh.dataDir)).join('\n'));

  test('npm start finds a demo shop, whose first command to try tells the story to its end', async () => {
    const { heading, commands } = await printed();
    expect(heading).toBe('try');
    expect(commands).toEqual([
      `npm run demo -- --gateway ${gateway()}`,
      `npm run demo finance -- --gateway ${gateway()} --data-dir ${mesh.dataDir}`,
      expect.stringMatching(/^curl /),
      `grpcurl -plaintext ${gateway()} list`,
    ]);
    const story = await printedBy(commands[0]!);
    expect(story).toMatch(/payment REFUNDED: €\d+\.\d\d$/m);
    expect(story).toMatch(/Order confirmed\. .* is paid/);
    expect(story).toMatch(/Refund on its way\. /);
    expect(story.trimEnd()).toMatch(/5 unread$/);
  });

  test('its second command tells the story of the bank to its end', async () => {
    const story = await printedBy((await printed()).commands[1]!);
    expect(story).toMatch(/another one approves: €150,000\.00 COMPLETED$/m);
    expect(story).toMatch(/wants to send €2,000,000\.00: TRANSACTION_DENIED$/m);
    expect(story).toMatch(/the statement: €0\.00 \+ €500,000\.00 - €150,250\.00 = €349,750\.00$/m);
    expect(story).toMatch(/Charles: Money received\. /);
    expect(story.trimEnd()).toMatch(
      /proved by \d+ hashes and a signed checkpoint with root \w{64}$/,
    );
  });

  test('npm run demo without a platform says how to get one', async () => {
    const { code, output } = await attempt('npm run demo -- --gateway 127.0.0.1:1');
    expect(code).toBe(1);
    expect(output).toContain('no platform answers at 127.0.0.1:1; start it with: npm start');
  });

  test.runIf(grpcurl !== undefined)(
    'grpcurl signs up, buys once, watches, cancels, is told',
    async () => {
      const command = `PATH=${dirname(grpcurl!)}${delimiter}$PATH\n${block('**grpcurl**')}`;
      const first = await printedBy(command);
      expect(first).toContain('platform.notification.v1.NotificationService');
      expect(first).toContain('"status": "ORDER_STATUS_PAID"');
      const [orderId] = /"orderId": "[^"]+"/.exec(first)!;
      // The one who cancelled is answered so, and the one who watches is told.
      expect(first.match(/"status": "ORDER_STATUS_CANCELLED"/g)).toHaveLength(2);
      await expect
        .poll(() => printedBy(command), { interval: 1_000, timeout: 20_000 })
        .toMatch(/"title": "Order confirmed"/);
      expect(await printedBy(command)).toContain(orderId);
    },
  );

  test('TypeScript lists products', async () => {
    writeFileSync(join(checkout.root, 'try.ts'), block('**TypeScript**'));
    expect(await printedBy('npx node try.ts')).toMatch(/\[\s*'[^']+',\s*'[^']+',\s*'[^']+'\s*\]/);
  });

  test.runIf(isThere('python3'))(
    'Python buys and is told',
    async () => {
      const printed = await printedBy(block('**Python**'));
      expect(printed).toMatch(/^status: ORDER_STATUS_PAID$/m);
      expect(printed).toMatch(/^Order confirmed: Your order \w+ is paid: €\d+\.\d\d\./m);
    },
    installMsMax,
  );

  test.runIf(isThere('curl'))('plain HTTP lists products', async () => {
    const { products } = JSON.parse(await printedBy(block('**Plain HTTP**')));
    expect(products).toHaveLength(3);
  });
});
