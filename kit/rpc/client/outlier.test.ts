import { describe, expect, test } from 'vitest';
import { createTestClock } from '../../clock.ts';
import { codes } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { WireStatus } from '../engine.ts';
import { notProcessedTrailers } from '../status.ts';
import { createOutlierDetector, outcomeOf, type Suspicion } from './outlier.ts';

function setUp(size: number) {
  const clock = createTestClock();
  const detector = createOutlierDetector({ target: 'testing.outlier', clock });
  return { clock, all: Array.from({ length: size }, () => detector.join()) };
}

function settle(suspicion: Suspicion, outcome: 'success' | 'fault' | 'neutral', times = 1) {
  for (let i = 0; i < times; i += 1) {
    suspicion.begin();
    suspicion.settle(outcome);
  }
}

const eject = (suspicion: Suspicion) => settle(suspicion, 'fault', limits.faultsInRowMax);

/** Faults again on each probation: how long each ejection lasted, in milliseconds. */
function ejectionsOf(suspicion: Suspicion, clock: ReturnType<typeof createTestClock>, n: number) {
  return Array.from({ length: n }, () => {
    let elapsedMs = 0;
    while (!suspicion.admits()) {
      clock.advance({ milliseconds: 500 });
      elapsedMs += 500;
    }
    settle(suspicion, 'fault');
    return elapsedMs;
  });
}

test('faults in a row eject, and a success in between begins the row anew', () => {
  const { all } = setUp(2);
  const [one] = all as [Suspicion];
  settle(one, 'fault', limits.faultsInRowMax - 1);
  settle(one, 'success');
  settle(one, 'fault', limits.faultsInRowMax - 1);
  expect(one.admits()).toBe(true);
  settle(one, 'fault');
  expect(one.admits()).toBe(false);
});

test('a share of faults ejects, once there are enough calls to judge', () => {
  const { all, clock } = setUp(2);
  const [one, two] = all as [Suspicion, Suspicion];
  for (let i = 0; i < limits.faultWindowCallsMin / 2 - 1; i += 1) {
    settle(one, 'success');
    settle(one, 'fault');
  }
  expect(one.admits()).toBe(true);
  settle(one, 'success');
  settle(one, 'fault');
  expect(one.admits()).toBe(false);

  // The same over two windows does not.
  for (let i = 0; i < limits.faultWindowCallsMin; i += 1) {
    if (i === limits.faultWindowCallsMin / 2) clock.advance({ milliseconds: limits.faultWindowMs });
    settle(two, i % 2 === 0 ? 'success' : 'fault');
  }
  expect(two.admits()).toBe(true);
});

test('what says nothing about the address neither ejects nor clears it', () => {
  const { all } = setUp(2);
  const [one] = all as [Suspicion];
  settle(one, 'neutral', 100);
  expect(one.admits()).toBe(true);
  settle(one, 'fault', limits.faultsInRowMax - 1);
  settle(one, 'neutral', 100);
  settle(one, 'fault');
  expect(one.admits()).toBe(false);
});

test('each ejection lasts twice as long as the last, up to a limit', () => {
  const { all, clock } = setUp(2);
  const [one] = all as [Suspicion];
  eject(one);
  const lasted = ejectionsOf(one, clock, 7);
  expect(lasted.slice(0, 4)).toEqual([1, 2, 4, 8].map((times) => times * limits.ejectionMsMin));
  expect(lasted.slice(-2)).toEqual([limits.ejectionMsMax, limits.ejectionMsMax]);
});

test('good times shorten the next ejection', () => {
  const { all, clock } = setUp(2);
  const [one] = all as [Suspicion];
  eject(one);
  ejectionsOf(one, clock, 3);
  clock.advance({ milliseconds: limits.ejectionMsMax });
  expect(one.admits()).toBe(true);
  settle(one, 'success', limits.probesMin);
  clock.advance({ milliseconds: limits.faultWindowMs * 10 });
  settle(one, 'success');
  eject(one);
  expect(ejectionsOf(one, clock, 1)).toEqual([limits.ejectionMsMin]);
});

test('on probation one call is let through at a time, and a few good ones end it', () => {
  const { all, clock } = setUp(2);
  const [one] = all as [Suspicion];
  eject(one);
  clock.advance({ milliseconds: limits.ejectionMsMin });
  for (let i = 0; i < limits.probesMin; i += 1) {
    expect(one.admits()).toBe(true);
    one.begin();
    expect(one.admits()).toBe(false);
    one.settle('success');
  }
  one.begin();
  expect(one.admits()).toBe(true);
});

test('at most half are ejected, and one that leaves makes no room', () => {
  const { all } = setUp(4);
  const [one, two, three, four] = all as [Suspicion, Suspicion, Suspicion, Suspicion];
  for (const each of all) eject(each);
  expect(all.map((each) => each.admits())).toEqual([false, false, true, true]);
  one.leave();
  eject(three);
  expect(three.admits()).toBe(true);
  two.leave();
  eject(three);
  eject(four);
  expect([three.admits(), four.admits()]).toEqual([false, true]);
  three.leave();
  eject(four);
  expect(four.admits()).toBe(true);
});

describe('the outcome of a call', () => {
  const wire = (code: number, more: Partial<WireStatus> = {}): WireStatus => ({
    code,
    message: '',
    details: undefined,
    trailers: {},
    notProcessed: false,
    ...more,
  });
  const outcome = (code: number, more?: Partial<WireStatus>) =>
    outcomeOf(wire(code, more), 1_000, 1_000);

  test('is a fault for what no contract allows, and an answer for every refusal', () => {
    const byOutcome = Object.groupBy(
      Object.entries(codes).filter(([name]) => name !== 'ok'),
      ([, code]) => outcome(code),
    );
    const names = (key: 'fault' | 'neutral') => byOutcome[key]?.map(([name]) => name);
    expect(names('fault')).toEqual([
      'unknown',
      'deadline_exceeded',
      'internal',
      'unavailable',
      'data_loss',
    ]);
    expect(names('neutral')).toEqual(['cancelled', 'resource_exhausted']);
  });

  test('is no fault when the call never arrived', () => {
    expect(outcome(codes.unavailable, { notProcessed: true })).toBe('neutral');
    expect(outcome(codes.unavailable, { trailers: notProcessedTrailers })).toBe('neutral');
  });

  test('is no fault when the caller gave less time than the method has', () => {
    expect(outcomeOf(wire(codes.deadline_exceeded), 990, 1_000)).toBe('fault');
    expect(outcomeOf(wire(codes.deadline_exceeded), 500, 1_000)).toBe('neutral');
  });
});
