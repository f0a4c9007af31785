import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { EchoRequestSchema, EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { subscription } from '../bus/consumer.ts';
import { event } from '../bus/event.ts';
import { publish } from '../db/outbox.ts';
import { implement } from '../rpc/server/handlers.ts';
import type { ServiceModule } from '../service.ts';
import { echoHandlers } from './echo.ts';
import { signal } from './echo-fixture.ts';
import { createNetwork, type Network } from './network.ts';

let network: Network;
let heard: string[];
/** What the listener waits for before it has heard something. */
let patience: Promise<void>;
/** What the others have in hand, by where they say so. */
let inHand: { job: number; parts: number };

const teller: ServiceModule = {
  name: 'platform.testing',
  create: ({ database }) => ({
    implementations: [
      implement(
        EchoService,
        echoHandlers({
          async echoOnce({ text }) {
            await database.transaction(async (tx) => {
              publish(database, tx, [event(EchoRequestSchema, 'key', { text })]);
            });
            return {};
          },
        }),
      ),
    ],
    jobs: [{ name: 'sweep', everyMs: 10, run: async () => 0, pending: async () => inHand.job }],
    busy: () => inHand.parts,
  }),
};

const listener: ServiceModule = {
  name: 'testing.second',
  create: () => ({
    implementations: [implement(EchoService, echoHandlers())],
    subscriptions: [
      subscription({
        name: 'texts',
        schema: EchoRequestSchema,
        async handle(events) {
          await patience;
          heard.push(...events.map(({ message }) => message.text));
        },
      }),
    ],
  }),
};

beforeAll(async () => {
  network = await createNetwork({ ...inject('servers'), modules: [teller, listener] });
});
beforeEach(() => {
  heard = [];
  inHand = { job: 0, parts: 0 };
  patience = Promise.resolve();
});
afterAll(() => network.stop());

const tell = (text: string) => network.client(EchoService, 'platform.testing').echoOnce({ text });

test('what was told has been heard when the network has settled', async () => {
  for (let round = 0; round < 20; round += 1) {
    await tell(`text ${round}`);
    await network.settle();
    expect(heard).toHaveLength(round + 1);
  }
});

test('a network that does not settle says who is busy with what', async () => {
  const goOn = signal();
  patience = goOn.promise;
  await tell('slowly');
  await expect(network.settle({ timeoutMs: 300 })).rejects.toThrow(
    'testing.second consumer texts: 1',
  );
  expect(heard).toEqual([]);
  goOn.fire();
  await network.settle();
  expect(heard).toEqual(['slowly']);
});

test.each([
  ['job', 'platform.testing job sweep: 3'],
  ['parts', 'platform.testing work in hand: 3'],
] as const)('it waits for what a service has in hand: %s', async (where, said) => {
  inHand[where] = 3;
  await expect(network.settle({ timeoutMs: 1 })).rejects.toThrow(said);
  inHand[where] = 0;
  await network.settle();
});
