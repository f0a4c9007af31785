import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { nodeFlags } from './node.ts';

const afterStart = fileURLToPath(new URL('../../kit/host/after-start.ts', import.meta.url));

/** Whether V8 optimizes a function that is as hot as can be: before the end of the start, and after it. */
function optimizes(flags: readonly string[]): [before: boolean, after: boolean] {
  const script = `
    import { afterStart } from ${JSON.stringify(afterStart)};
    process.getBuiltinModule('node:v8').setFlagsFromString('--allow-natives-syntax');
    // Of V8's src/runtime/runtime.h, OptimizationStatus: kOptimized.
    const isOptimized = new Function('f', 'return (%GetOptimizationStatus(f) & (1 << 4)) !== 0');
    function hot(n) {
      let sum = 0;
      for (let i = 0; i < n; i += 1) sum += i % 7;
      return sum;
    }
    async function heat() {
      for (let i = 0; i < 50_000 && !isOptimized(hot); i += 1) {
        hot(1_000);
        // Compiled elsewhere, and taken over between two tasks.
        if (i % 100 === 0) await new Promise(setImmediate);
      }
      return isOptimized(hot);
    }
    const before = await heat();
    afterStart();
    console.log(JSON.stringify([before, await heat()]));`;
  const args = [...flags, '--input-type=module', '--eval', script];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

test('a process of the mesh optimizes nothing while it starts, and what is hot from then on', () => {
  expect(optimizes(nodeFlags)).toEqual([false, true]);
  expect(optimizes([])).toEqual([true, true]);
});
