import { describe, expect, test } from 'vitest';
import { limits } from '../domain.ts';
import { begun } from './testing.ts';
import { idle, putToWork, taken, workLeft } from './work.ts';

const now = 1_000_000;
const driven = { ...begun(), work: taken(idle, now) };
const { epoch, leasedUntil } = driven.work;

describe('the work of a payment', () => {
  test('stays with whoever has it, when others change the payment', () => {
    const work = workLeft(driven, { now: now + 1, isProgress: true, holder: undefined });
    expect(work).toEqual({ ...driven.work, dueAt: now + 1 });
    expect(putToWork(driven, now + 1).work).toEqual(work);
  });

  test('is not taken up earlier because somebody says what is known', () => {
    const resting = { ...driven.work, leasedUntil: undefined, dueAt: now + 5_000, attempts: 3 };
    const change = { now, isProgress: false, holder: undefined };
    expect(workLeft({ ...driven, work: resting }, change)).toBe(resting);
  });

  test('is taken up at once when others change a payment that rests', () => {
    const resting = { ...driven.work, leasedUntil: undefined, dueAt: now + 5_000 };
    const work = workLeft(
      { ...driven, work: resting },
      { now, isProgress: true, holder: undefined },
    );
    expect(work).toMatchObject({ dueAt: now, leasedUntil: undefined });
  });

  test('goes on under a new lease when a step has come to something', () => {
    const work = workLeft(driven, { now: now + 9, isProgress: true, holder: epoch });
    expect(work).toMatchObject({ epoch, leasedUntil: leasedUntil! + 9, attempts: 0 });
  });

  test('rests longer with each step that came to nothing, and has an end', () => {
    let payment = driven;
    const pauses = Array.from({ length: limits.retryBackoffMs.length + 1 }, () => {
      const change = { now, isProgress: false, holder: payment.work.epoch };
      payment = { ...payment, work: workLeft(payment, change) };
      return payment.work.dueAt! - now;
    });
    expect(pauses).toEqual([...limits.retryBackoffMs, limits.retryBackoffMs.at(-1)]);
    expect(payment.work.leasedUntil).toBeUndefined();
  });

  test('that was lost to another is not put off by the one who had it', () => {
    const other = { ...driven, work: taken(driven.work, now) };
    const change = { now, isProgress: false, holder: epoch };
    expect(workLeft(other, change)).toBe(other.work);
  });

  test('is over when nothing is left to ask', () => {
    const declined = { ...driven, status: 'DECLINED' as const };
    const work = workLeft(declined, { now, isProgress: true, holder: epoch });
    expect(work).toEqual({ ...idle, epoch });
  });
});
