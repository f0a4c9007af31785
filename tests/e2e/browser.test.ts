import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { freePort } from '#kit/testing/port.ts';
import { placements } from '#tools/mesh/placements.ts';
import { findPeer } from '#tools/peers.ts';
import { root } from '#tools/run.ts';
import { type RunningCommand, startCommand } from '../support/command.ts';
import { type Envoy, startEnvoy } from '../support/envoy.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { newShopper, putOnSale } from '../support/shopper.ts';

// In CI findPeer throws where one is missing, so this suite is left out on users' machines only.
const [executablePath, envoyPath] = [await findPeer('chromium'), await findPeer('envoy')];
const doors = envoyPath === undefined ? ['the gateway'] : ['the gateway', 'Envoy'];

describe.runIf(executablePath !== undefined).each(placements)(
  'the page of examples/browser, placement %s',
  (placement) => {
    let mesh: TestMesh;
    let envoy: Envoy | undefined;
    let pages: RunningCommand;
    let browser: Browser;
    let origin: string;
    const open: Page[] = [];

    beforeAll(async () => {
      const port = await freePort();
      origin = `http://127.0.0.1:${port}`;
      mesh = await startTestMesh(placement, { env: { CORS_ORIGINS: origin } });
      envoy = await startEnvoy(mesh, origin.replaceAll('.', '\\.'));
      pages = startCommand(`npm run example:browser -- --port ${port}`, root);
      await pages.says(/Local:/);
      // As root, which CI is, Chromium has no sandbox.
      browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    });
    afterEach(async () => {
      for (const page of open.splice(0)) await page.context().close();
    });
    afterAll(async () => {
      await browser?.close();
      await pages?.stop();
      await envoy?.stop();
      await mesh?.stop();
    });

    const gateway = () => `http://${mesh.addressOf('platform.gateway')}`;
    const urlOf = (door: string) => (door === 'Envoy' ? envoy!.url : gateway());

    async function visit(
      from: string,
      door: string,
    ): Promise<{ page: Page; preflights: string[] }> {
      const page = await browser.newPage();
      open.push(page);
      const devtools = await page.context().newCDPSession(page);
      const preflights: string[] = [];
      devtools.on('Network.requestWillBeSent', ({ request: { method, url } }) => {
        if (method === 'OPTIONS') preflights.push(new URL(url).pathname);
      });
      await devtools.send('Network.enable');
      await page.goto(`${from}/?door=${urlOf(door)}`);
      return { page, preflights };
    }

    async function signIn(page: Page, { email, password }: { email: string; password: string }) {
      await page.getByLabel('email').fill(email);
      await page.getByLabel('password').fill(password);
      await page.getByRole('button', { name: 'Sign in' }).click();
    }

    const stranger = () => newShopper(createGrpcTransport({ baseUrl: gateway() }));
    const textOf = (page: Page, id: string) => page.locator(`#${id}`).textContent();

    test.each(doors)('signs in, buys, and hears of it live through %s', async (door) => {
      await putOnSale(mesh, 5n);
      const shopper = await stranger();
      const { page, preflights } = await visit(origin, door);
      await signIn(page, shopper);
      await page.getByRole('button', { name: 'Buy' }).first().click();
      await expect
        .poll(() => textOf(page, 'told'), { timeout: 10_000 })
        .toMatch(/^Order confirmed\./);
      await expect.poll(() => textOf(page, 'status')).toMatch(/^Order [-0-9a-f]+: paid\.$/);
      await expect.poll(() => textOf(page, 'unread')).toBe('1');
      expect(preflights).toContain('/platform.user.v1.SessionService/Authenticate');
      expect(preflights).toContain('/commerce.order.v1.OrderService/CreateOrder');
      const { orders } = await shopper.orders.listOrders({}, { headers: shopper.headers });
      expect(orders).toHaveLength(1);
    });

    test('says why it could not sign in', async () => {
      const { page } = await visit(origin, 'the gateway');
      await signIn(page, { ...(await stranger()), password: 'not the password' });
      await expect.poll(() => textOf(page, 'status')).toBe('credentials wrong');
    });

    test.each(doors)(
      'signs in again through %s after the session was ended elsewhere',
      async (door) => {
        await putOnSale(mesh, 5n);
        const shopper = await stranger();
        const { page } = await visit(origin, door);
        await signIn(page, shopper);
        await expect.poll(() => textOf(page, 'status')).toBe('Signed in.');
        const sessions = createClient(SessionService, createGrpcTransport({ baseUrl: gateway() }));
        await sessions.signOutEverywhere({ requestId: uuidv7() }, { headers: shopper.headers });
        await expect.poll(() => textOf(page, 'status'), { timeout: 20_000 }).toMatch(/^Signed out/);
        expect(await textOf(page, 'shop')).toBe('');
        await signIn(page, shopper);
        await expect.poll(() => textOf(page, 'status')).toBe('Signed in.');
        await page.getByRole('button', { name: 'Buy' }).first().click();
        await expect.poll(() => textOf(page, 'status')).toMatch(/^Order [-0-9a-f]+: paid\.$/);
      },
    );

    test.each(doors)('gets no answer through %s when it comes from elsewhere', async (door) => {
      const { page, preflights } = await visit(origin.replace('127.0.0.1', 'localhost'), door);
      await signIn(page, await stranger());
      await expect.poll(() => textOf(page, 'status')).toMatch(/fetch/i);
      expect(preflights).toEqual(['/platform.user.v1.SessionService/Authenticate']);
    });

    test('misses nothing while its stream is broken', async () => {
      const sku = await putOnSale(mesh, 5n);
      const shopper = await stranger();
      const { page } = await visit(origin, 'the gateway');
      await signIn(page, shopper);
      await page.getByRole('button', { name: 'Buy' }).first().click();
      await expect
        .poll(() => textOf(page, 'told'), { timeout: 10_000 })
        .toMatch(/^Order confirmed\./);
      await page.context().setOffline(true);
      const name = mesh.processOf('platform.gateway');
      const door = mesh.processes.find((process) => process.name === name)!;
      // At once: a drain would wait for the stream.
      door.kill('SIGKILL');
      await door.restart();
      await shopper.buy(sku, 'tok_expired_card');
      await page.context().setOffline(false);
      await expect
        .poll(() => textOf(page, 'told'), { timeout: 20_000 })
        .toMatch(/^Order confirmed\..*\.Order cancelled\.[^.]*\. Nothing was charged\.$/);
    });
  },
);
