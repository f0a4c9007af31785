import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

const module = JSON.stringify(new URL('./after-start.ts', import.meta.url).href);

/** Megabytes of heap before and after, in a process that has made much and kept nothing. */
function heapMb(...flags: string[]): [before: number, after: number] {
  const script = `
  import { afterStart } from ${module};
  let made = Array.from({ length: 400_000 }, (_, i) => ({ i }));
  made = undefined;
  const heap = () => process.memoryUsage().heapTotal / 2 ** 20;
  const before = heap();
  afterStart();
  console.log(JSON.stringify([before, heap()]));`;
  const args = [...flags, '--input-type=module', '--eval', script];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

test('what a start left behind is given back', () => {
  const [before, after] = heapMb('--expose-gc');
  expect(after).toBeLessThan(before / 2);
});

test('without the flag nothing is collected', () => {
  const [before, after] = heapMb();
  expect(after).toBe(before);
});
