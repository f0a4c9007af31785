import { describe, expect, onTestFinished, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { DomainError, type RpcError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { Draining } from '../../mesh-errors.ts';
import { ejections } from '../../telemetry/metrics.ts';
import { createEchoServer, echoHandlers } from '../../testing/echo.ts';
import { eventually, failure, patient, read, signal, texts } from '../../testing/echo-fixture.ts';
import { callMany, startFleet } from '../../testing/fleet.ts';
import { transports } from '../../testing/transports.ts';
import { engineLimits } from '../engine-limits.ts';
import { createDispatcher } from '../server/dispatcher.ts';
import { implement } from '../server/handlers.ts';
import { createBalancer } from './balancer.ts';
import { type Endpoint, ranks } from './endpoint.ts';

class Broken extends DomainError {
  readonly code = 'unavailable';
  readonly reason = 'BROKEN';
  override readonly isRetryable = true;
}

class Refused extends DomainError {
  readonly code = 'failed_precondition';
  readonly reason = 'REFUSED';
}

const engines = transports.flatMap(({ engine }) => (engine ? [{ name: engine.name, engine }] : []));

const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);

describe.each(engines)('three backends over $name', ({ engine }) => {
  test.each([1, 8, 64])(
    'with %i in flight equal ones get the same within five percent',
    async (inFlight) => {
      const { client, counts } = await startFleet(engine);
      const total = 3_000;
      expect(await callMany(total, inFlight, () => client.echo({}, patient))).toEqual([]);
      for (const calls of counts()) {
        expect(calls).toBeGreaterThan((total / 3) * 0.95);
        expect(calls).toBeLessThan((total / 3) * 1.05);
      }
    },
  );

  test('one that hangs is passed over before its first call times out', async () => {
    const { client, counts } = await startFleet(engine, {
      handlers: (index) => ({ echo: () => (index === 0 ? new Promise(() => {}) : {}) }),
    });
    const abort = new AbortController();
    const { signal } = abort;
    // One call after the other, except that nobody waits for those that hang.
    for (let i = 0; i < 300; i += 1) {
      const call = client.echo({}, { ...patient, signal }).catch(() => {});
      await Promise.race([call, new Promise(setImmediate).then(() => new Promise(setImmediate))]);
    }
    abort.abort();
    expect(counts()[0]).toBeLessThan(60);
  });

  test('a slow one gets less', async () => {
    const { client, counts } = await startFleet(engine, {
      handlers: (index) => ({
        async echo() {
          for (let turn = 0; index === 0 && turn < 200; turn += 1) await new Promise(setImmediate);
          return {};
        },
      }),
    });
    expect(await callMany(1_000, 16, () => client.echo({}, patient))).toEqual([]);
    const [slow, ...others] = counts();
    for (const calls of others) expect(calls).toBeGreaterThan(slow! * 2);
  });

  test('one that is killed under load costs no call', async () => {
    const { client, backends } = await startFleet(engine);
    const failures = await callMany(2_000, 32, async (index) => {
      if (index === 500) backends[1]!.server.close();
      await client.echo({ text: String(index) }, patient);
    });
    expect(failures).toEqual([]);
  });

  test('one that is killed never gets a call a second time that must not be repeated', async () => {
    const seen = new Map<string, number>();
    const { client, backends } = await startFleet(engine, {
      handlers: () => ({
        async echoOnce({ text }) {
          seen.set(text, (seen.get(text) ?? 0) + 1);
          await new Promise(setImmediate);
          return {};
        },
      }),
    });
    const failures = await callMany(2_000, 32, async (index) => {
      if (index === 500) backends[1]!.server.close();
      await client.echoOnce({ text: String(index) }, patient);
    });
    expect(Math.max(...seen.values())).toBe(1);
    // Only those that were on their way there are lost.
    expect(failures.length).toBeLessThanOrEqual(32);
    for (const error of failures) expect((error as RpcError).code).toBe('unavailable');
  });

  test('one that drains under load costs no call, not even one that must not be repeated', async () => {
    const seen = new Map<string, number>();
    const { client, backends } = await startFleet(engine, {
      handlers: () => ({
        echoOnce({ text }) {
          seen.set(text, (seen.get(text) ?? 0) + 1);
          return {};
        },
      }),
    });
    let drained: Promise<void> | undefined;
    let isDrained = false;
    let index = 0;
    const worker = async () => {
      while (!isDrained || index < 1_000) {
        index += 1;
        if (index === 300) {
          drained = backends[1]!.server.drain().then(() => {
            isDrained = true;
          });
        }
        await client.echoOnce({ text: String(index) }, patient);
      }
    };
    await Promise.all(Array.from({ length: 32 }, worker));
    await drained;
    expect(seen.size).toBe(index);
    expect(Math.max(...seen.values())).toBe(1);
  });

  test('one that fails gets nothing once it is ejected, and its share again once it is well', async () => {
    let isBroken = true;
    const { client, counts, reset, clock } = await startFleet(engine, {
      handlers: (index) => ({
        echo() {
          if (index === 0 && isBroken) throw new Broken();
          return {};
        },
      }),
    });
    const counter = async () =>
      (await ejections.get()).values.find(({ labels }) => labels.target === 'testing.echo')
        ?.value ?? 0;
    const before = await counter();
    expect(await callMany(200, 1, () => client.echo({}, patient))).toEqual([]);
    expect(counts()[0]).toBe(limits.faultsInRowMax);
    expect(await counter()).toBe(before + 1);

    reset();
    expect(await callMany(300, 8, () => client.echo({}, patient))).toEqual([]);
    expect(counts()[0]).toBe(0);

    // Still broken: each probation costs one call, and the next is later.
    reset();
    clock.advance({ milliseconds: limits.ejectionMsMin });
    expect(await callMany(300, 8, () => client.echo({}, patient))).toEqual([]);
    expect(counts()[0]).toBe(1);
    clock.advance({ milliseconds: limits.ejectionMsMin });
    expect(await callMany(300, 8, () => client.echo({}, patient))).toEqual([]);
    expect(counts()[0]).toBe(1);

    isBroken = false;
    reset();
    clock.advance({ milliseconds: limits.ejectionMsMin });
    await callMany(300, 8, () => client.echo({}, patient));
    expect(counts()[0]).toBeGreaterThan(limits.probesMin);
    reset();
    await callMany(300, 1, () => client.echo({}, patient));
    expect(counts()[0]).toBe(100);
  });

  test('a plain bug ejects as well', async () => {
    const { client, counts, reset } = await startFleet(engine, {
      handlers: (index) => ({
        echo() {
          if (index === 0) throw new Error('a bug');
          return {};
        },
      }),
    });
    const failures = await callMany(200, 1, () => client.echo({}, patient));
    expect(failures).toHaveLength(limits.faultsInRowMax);
    reset();
    expect(await callMany(200, 1, () => client.echo({}, patient))).toEqual([]);
    expect(counts()[0]).toBe(0);
  });

  test('business refusals never eject', async () => {
    const { client, counts } = await startFleet(engine, {
      handlers: (index) => ({
        echo() {
          if (index === 0) throw new Refused();
          return {};
        },
      }),
    });
    await callMany(300, 1, () => client.echo({}, patient));
    expect(counts()).toEqual([100, 100, 100]);
  });

  test('a caller whose deadline is short ejects nobody, one with the time of the method does', async () => {
    const { client, counts, reset } = await startFleet(engine, {
      handlers: (index) => ({
        echo: () => (index === 0 ? new Promise(() => {}) : {}),
        echoInternal: () => (index === 0 ? new Promise(() => {}) : {}),
      }),
    });
    await callMany(90, 90, () => client.echo({}, { timeoutMs: 100 }));
    reset();
    await callMany(90, 1, () => client.echoOnce({}, patient));
    expect(counts()).toEqual([30, 30, 30]);
    const headers = { 'x-meshwork-service': 'testing.caller' };
    await callMany(limits.faultsInRowMax * 3, 1, () => client.echoInternal({}, { headers }));
    reset();
    await callMany(30, 1, () => client.echoOnce({}, patient));
    expect(counts()).toEqual([0, 15, 15]);
  });

  test('never more than half of them are ejected', async () => {
    const { client, counts, reset } = await startFleet(engine, {
      handlers: () => ({
        echo() {
          throw new Error('a bug');
        },
      }),
    });
    await callMany(100, 1, () => client.echo({}, patient));
    reset();
    await callMany(100, 1, () => client.echo({}, patient));
    expect(counts().filter((calls) => calls > 0)).toHaveLength(2);
  });

  test('when all fail, retries add less than a fifth', async () => {
    const { client, counts } = await startFleet(engine, {
      handlers: () => ({
        echo() {
          throw new Broken();
        },
      }),
    });
    const total = 500;
    const failures = await callMany(total, 16, () => client.echo({}, patient));
    expect(failures).toHaveLength(total);
    expect(sum(counts()) / total).toBeLessThanOrEqual(1.2);
  });

  test('a call that must not be repeated is sent once when it fails', async () => {
    const { client, counts } = await startFleet(engine, {
      handlers: () => ({
        echoOnce() {
          throw new Broken();
        },
      }),
    });
    expect(await callMany(30, 1, () => client.echoOnce({}, patient))).toHaveLength(30);
    expect(sum(counts())).toBe(30);
  });

  test('a deadline of 300 ms ends at 300 ms, attempts included', async () => {
    const { client } = await startFleet(engine, {
      handlers: () => ({ echo: () => new Promise(() => {}) }),
    });
    // On a busy machine a timer set at the same time is as late.
    const due = new Promise<number>((resolve) => {
      setTimeout(() => resolve(performance.now()), 300);
    });
    expect((await failure(client.echo({}, { timeoutMs: 300 }))).code).toBe('deadline_exceeded');
    const endedAt = performance.now();
    expect(Math.abs(endedAt - (await due))).toBeLessThan(200);
  });

  test('one that is not serving gets nothing until it serves again', async () => {
    const { client, backends, counts, reset } = await startFleet(engine);
    const [first] = backends;
    const calls = async () => {
      reset();
      await callMany(30, 1, () => client.echo({}, patient));
      for (let i = 0; i < 6; i += 1) await read(client.echoMany({ count: 1 }));
      return counts()[0]!;
    };
    first!.server.health.set(false);
    await eventually(calls).toBe(0);
    expect(await calls()).toBe(0);
    first!.server.health.set(true);
    await eventually(calls).toBe(12);
  });

  test('a peer that knows no health service counts as serving', async () => {
    let calls = 0;
    const echo = () => {
      calls += 1;
      return {};
    };
    const dispatcher = createDispatcher({
      implementations: [implement(EchoService, echoHandlers({ echo }))],
      interceptors: [],
      forwardsErrors: false,
    });
    const listener = await engine.listen('127.0.0.1:0', dispatcher, engineLimits);
    onTestFinished(() => listener.close());
    const { client, addresses, backends } = await startFleet(engine);
    addresses.set([listener.address, backends[0]!.address]);
    await eventually(async () => {
      calls = 0;
      await callMany(20, 1, () => client.echo({}, patient));
      return calls;
    }).toBe(10);
  });

  test('when none serves, all are called all the same, until one serves again', async () => {
    const { client, backends, counts, reset } = await startFleet(engine);
    const calls = async () => {
      reset();
      expect(await callMany(30, 1, () => client.echoOnce({}, patient))).toEqual([]);
      for (let i = 0; i < 6; i += 1) await read(client.echoMany({ count: 1 }));
      return counts();
    };
    const [first, ...others] = backends;
    for (const { server } of others) server.health.set(false);
    await eventually(calls).toEqual([36, 0, 0]);
    first!.server.health.set(false);
    await eventually(calls).toEqual([12, 12, 12]);
    first!.server.health.set(true);
    await eventually(calls).toEqual([36, 0, 0]);
  });

  test('when none serves, one that fails is ejected, and one that is down is left out', async () => {
    const { client, backends, counts, reset } = await startFleet(engine, {
      handlers: (index) => ({
        echo() {
          if (index === 0) throw new Broken();
          return {};
        },
      }),
    });
    for (const { server } of backends) server.health.set(false);
    backends[1]!.server.close();
    await eventually(async () => {
      reset();
      expect(await callMany(30, 1, () => client.echo({}, patient))).toEqual([]);
      return counts();
    }).toEqual([0, 0, 30]);
  });

  test('when none serves, the next attempt still goes elsewhere', async () => {
    const { backends } = await startFleet(engine);
    for (const { server } of backends) server.health.set(false);
    const addresses = backends.map(({ address }) => address);
    const balancer = createBalancer({ addresses, engine });
    onTestFinished(() => balancer.close());
    const pick = (after?: Endpoint) => {
      const picked = balancer.pick('call', after)!;
      picked.settle('call', 'neutral');
      return picked;
    };
    await eventually(() => addresses.map(() => pick().rank())).toEqual(
      addresses.map(() => ranks.notServing),
    );
    const failed = pick();
    for (let i = 0; i < addresses.length * 2; i += 1) expect(pick(failed)).not.toBe(failed);
  });

  test('when none serves, one that drains is called last', async () => {
    let attempts = 0;
    const draining = ['first', 'second'].map(() =>
      createEchoServer({
        interceptors: [
          {
            name: 'drain',
            start({ method }) {
              if (method.parent.typeName === EchoService.typeName) attempts += 1;
              throw new Draining();
            },
          },
        ],
      }),
    );
    const { client, addresses, backends } = await startFleet(engine, { size: 1 });
    const left = backends[0]!;
    left.server.health.set(false);
    const listeners = await Promise.all(
      draining.map((server) => server.listen('127.0.0.1:0', engine)),
    );
    onTestFinished(() => {
      for (const server of draining) server.close();
    });
    addresses.set([...listeners.map(({ address }) => address), left.address]);
    await eventually(async () => {
      attempts = 0;
      const failures = await callMany(30, 1, () => client.echoOnce({}, patient));
      return { attempts, failures };
    }).toEqual({ attempts: 0, failures: [] });
    left.server.close();
    await eventually(async () => (await failure(client.echoOnce({}, patient))).notProcessed).toBe(
      true,
    );
  });

  test('when all are down, calls fail at once and say that they never left', async () => {
    const { client, backends } = await startFleet(engine);
    for (const { server } of backends) server.close();
    await failure(client.echoOnce({}, patient));
    const startedAt = performance.now();
    const error = await failure(client.echoOnce({}, patient));
    expect(error).toMatchObject({ code: 'unavailable', notProcessed: true });
    expect(performance.now() - startedAt).toBeLessThan(patient.timeoutMs / 5);
  });

  test('one that was down is found again without a call', async () => {
    const { client, backends, counts } = await startFleet(engine);
    const [first] = backends;
    first!.server.close();
    expect(await callMany(300, 4, () => client.echo({}, patient))).toEqual([]);
    let calls = 0;
    const server = createEchoServer({
      handlers: {
        echo() {
          calls += 1;
          return {};
        },
      },
    });
    await server.listen(first!.address, engine);
    await eventually(async () => {
      calls = 0;
      expect(await callMany(30, 1, () => client.echo({}, patient))).toEqual([]);
      return calls;
    }).toBe(10);
    expect(sum(counts())).toBeGreaterThan(0);
    server.close();
  });

  test('an address that is added gets its share, one that is removed finishes its calls', async () => {
    const reached = signal();
    const go = signal();
    const { client, backends, addresses, counts, reset } = await startFleet(engine, {
      handlers: (index) => ({
        async echoOnce() {
          if (index !== 2) return {};
          reached.fire();
          await go.promise;
          return { text: 'finished' };
        },
      }),
    });
    const all = backends.map(({ address }) => address);
    const held = [1, 2, 3].map(() => client.echoOnce({}, patient));
    await reached.promise;
    await eventually(() => sum(counts())).toBe(held.length);
    addresses.set(all.slice(0, 2));
    reset();
    await callMany(100, 1, () => client.echo({}, patient));
    expect(counts()).toEqual([50, 50, 0]);
    go.fire();
    expect((await Promise.all(held)).map(({ text }) => text)).toContain('finished');

    addresses.set(all);
    await eventually(async () => {
      reset();
      await callMany(30, 1, () => client.echo({}, patient));
      return counts();
    }).toEqual([10, 10, 10]);
    addresses.set([]);
    expect((await failure(client.echo({}, patient))).notProcessed).toBe(true);
  });

  test('streams are spread by the number of streams', async () => {
    const { client, counts } = await startFleet(engine, {
      handlers: () => ({
        async *echoEach(_, call) {
          yield {};
          await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
        },
      }),
    });
    const streams = Array.from({ length: 30 }, () =>
      client.echoEach(texts())[Symbol.asyncIterator](),
    );
    await Promise.all(streams.map((stream) => stream.next()));
    expect(counts()).toEqual([10, 10, 10]);
    await Promise.all(streams.map((stream) => stream.return?.()));
  });

  test('a stream that could not begin is begun elsewhere', async () => {
    const { client } = await startFleet(engine, {
      handlers: (index) => ({
        async *echoMany({ text }) {
          if (index === 0 && text !== '') throw new Broken();
          yield { text };
        },
      }),
    });
    for (let i = 0; i < 6; i += 1) {
      expect(await read(client.echoMany({ text: 'a', count: 1 }))).toHaveLength(1);
    }
  });

  test('a stream that had said nothing when its server drained is begun elsewhere', async () => {
    const reached = signal();
    const { client, backends } = await startFleet(engine, {
      handlers: (index) => ({
        async *echoMany({ text }, call) {
          if (index === 0 && text !== '') {
            reached.fire();
            await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
          }
          yield { text };
        },
      }),
    });
    const streams = backends.map(() => read(client.echoMany({ text: 'a', count: 1 }, patient)));
    await reached.promise;
    await backends[0]!.server.drain();
    for (const answers of await Promise.all(streams)) expect(answers).toHaveLength(1);
  });
});
