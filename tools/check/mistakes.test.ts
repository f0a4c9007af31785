import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Copy, copyRepository } from '../../tests/support/copy.ts';

const order = 'proto/commerce/order/v1/order.proto';
const noPolicy =
  `${order}: OrderService.ShipOrder does not say who may call it: ` +
  'give it the option (platform.policy.v1.method), with an audience and a deadline_ms';
const crooked = 'kit/clock.ts';
const straight = 'export interface Clock {';
const bent = 'export   interface Clock {';
/** A check compiles everything. */
const patienceMs = 120_000;

let copy: Copy;
beforeEach(() => {
  copy = copyRepository();
});
afterEach(() => copy.remove());

const gen = () => copy.run('node', 'tools/gen.ts');

function removePolicyOfShipOrder(): void {
  const text = readFileSync(join(copy.root, order), 'utf8');
  const start = text.indexOf('    option (platform', text.indexOf('rpc ShipOrder'));
  const policy = text.slice(start, text.indexOf('};\n', start) + 3);
  expect(policy).toContain('"order.ship"');
  copy.edit(order, policy, '');
}

function addContract(path: string): void {
  const text = readFileSync(join(copy.root, order), 'utf8');
  mkdirSync(dirname(join(copy.root, path)), { recursive: true });
  writeFileSync(join(copy.root, path), text.replace('commerce.order.v1;', 'social.poll.v1;'));
}

test('npm run gen says in one sentence which method has no policy', async () => {
  removePolicyOfShipOrder();
  expect(await gen()).toEqual({ code: 1, output: `gen/ is what proto/ says\n${noPolicy}\n` });
});

test('npm run gen says where a proto cannot be read', async () => {
  copy.edit(order, 'service OrderService {', 'service OrderService');
  const { code, output } = await gen();
  expect(code).toBe(1);
  expect(output).toMatch(/^proto\/commerce\/order\/v1\/order\.proto:\d+:\d+:/);
  expect(output).not.toMatch(/^ +at /m);
});

test('npm run gen says in one sentence which contract of the registry is not there', async () => {
  copy.edit('services/registry.ts', 'order_pb.ts', 'oder_pb.ts');
  expect(await gen()).toEqual({
    code: 1,
    output:
      'gen/ is what proto/ says\nservices/registry.ts: a contract of commerce.order is not in gen/: ' +
      'write its .proto file and run npm run gen, or correct the entry\n',
  });
});

test(
  'npm run check names the file of every mistake, and makes every check whatever the others find',
  async () => {
    addContract('proto/social/poll/v1/poll.proto');
    removePolicyOfShipOrder();
    await gen();
    copy.edit('proto/finance/payment/v1/payment.proto', 'rpc VoidPayment(', 'rpc UnmakePayment(');
    copy.edit(crooked, straight, bent);
    const { code, output } = await copy.run('node', 'tools/check.ts');
    expect(code).toBe(1);
    expect(output.split('\n')).toEqual(
      expect.arrayContaining([
        noPolicy,
        'npm run format repairs what needs no thought',
        'proto/social/poll/v1/poll.proto: OrderService is in no entry of services/registry.ts: name it in the contracts of its service',
        'gen/finance/payment/v1/payment_pb.ts is not what proto/ generates: npm run gen',
        expect.stringMatching(/^ok {3}what the kit exports is documented/),
      ]),
    );
    expect(output).not.toMatch(/^ +at /m);
  },
  patienceMs,
);

test('npm run format repairs the form of the code', async () => {
  const path = join(copy.root, crooked);
  const before = readFileSync(path, 'utf8');
  copy.edit(crooked, straight, bent);
  expect(await copy.run('npm', 'run', 'format')).toMatchObject({ code: 0 });
  expect(readFileSync(path, 'utf8')).toBe(before);
});

test('a configuration of Envoy that is out of date is named, with what repairs it', async () => {
  copy.edit('deploy/envoy/envoy.yaml', 'port_value: 8080', 'port_value: 8081');
  const script = `import('./tools/check/gen-clean.ts').then(async ({ findStaleEnvoy }) =>
    process.stdout.write((await findStaleEnvoy()).join()))`;
  expect(await copy.run('node', '-e', script)).toEqual({
    code: 0,
    output: 'deploy/envoy/envoy.yaml is not what proto/ generates: npm run gen',
  });
  await gen();
  expect((await copy.run('node', '-e', script)).output).toBe('');
});
