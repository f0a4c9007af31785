import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../limits.ts';
import { createAdmission } from './admission.ts';

/** Work that begins when it is admitted and ends when it is told to. */
function startWork() {
  const admission = createAdmission('testing.admission');
  const begun: string[] = [];
  const ends = new Map<string, (failure?: Error) => void>();

  async function call(name: string): Promise<string> {
    return admission.do(async () => {
      begun.push(name);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      ends.set(name, (failure) => (failure ? reject(failure) : resolve()));
      await promise;
      return name;
    });
  }

  return {
    admission,
    begun,
    call,
    end: (name: string, failure?: Error) => ends.get(name)!(failure),
  };
}

/** Until what could happen at once has happened. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function pass(ms: number): Promise<void> {
  vi.advanceTimersByTime(ms);
  await turns();
}

describe('group admission', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('lets a lone caller begin at once, and those who come together begin together', async () => {
    const { begun, call, end } = startWork();
    const calls = ['a', 'b', 'c'].map(call);
    await turns();
    expect(begun).toEqual(['a', 'b', 'c']);
    for (const name of begun) end(name);
    expect(await Promise.all(calls)).toEqual(['a', 'b', 'c']);
  });

  it('keeps whoever comes later until most of the group is through, and lets all of them begin together', async () => {
    const { begun, call, end } = startWork();
    const first = ['a', 'b', 'c', 'd', 'e'].map(call);
    await turns();
    const second = ['f', 'g'].map(call);
    for (const name of ['a', 'b', 'c']) end(name);
    await turns();
    expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
    end('d');
    await turns();
    expect(begun.slice(5)).toEqual(['f', 'g']);
    for (const name of ['e', 'f', 'g']) end(name);
    await Promise.all([...first, ...second]);
  });

  it('waits for no group longer than its limit, and one that was given up changes nothing any more', async () => {
    const { begun, call, end } = startWork();
    const hanging = call('hanging');
    await turns();
    const second = call('second');
    await pass(limits.admissionMsMax - 1);
    expect(begun).toEqual(['hanging']);
    await pass(1);
    expect(begun).toEqual(['hanging', 'second']);
    const third = call('third');
    end('hanging');
    await turns();
    expect(begun).not.toContain('third');
    end('second');
    await turns();
    expect(begun).toContain('third');
    end('third');
    expect(await Promise.all([hanging, second, third])).toEqual(['hanging', 'second', 'third']);
  });

  it('rests a little after a group, so that those who got their answers can join the next', async () => {
    const { begun, call, end } = startWork();
    const first = call('first');
    await turns();
    await pass(10);
    const waiting = call('waiting');
    end('first');
    await first;
    const again = call('again');
    await turns();
    expect(begun).toEqual(['first']);
    await pass(10 * limits.admissionRest);
    expect(begun).toEqual(['first', 'waiting', 'again']);
    end('waiting');
    end('again');
    await Promise.all([waiting, again]);
  });

  it('goes on after work that fails, whose caller gets the failure', async () => {
    const { begun, call, end } = startWork();
    const failing = call('failing');
    await turns();
    const second = call('second');
    end('failing', new Error('this one'));
    await expect(failing).rejects.toThrow('this one');
    await turns();
    expect(begun).toEqual(['failing', 'second']);
    end('second');
    expect(await second).toBe('second');
  });
});
