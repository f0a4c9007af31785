/** How Node runs a process of the mesh: they are many on one machine, so each is to be small. */
import { cacheDir } from '../servers/binaries.ts';

/**
 * The young heap grows to two or three times of its megabytes. At 4 the collector takes a fifth of the CPU of an order, at 16
 * a tenth, for 85 MB more in the default placement than at 8. The old heap is collected when it has about doubled; V8
 * lets a small one grow fourfold, 100 MB more in the default placement under load, for no CPU that could be told from
 * noise. At three quarters it would save another 30 MB, for a fifth fewer orders per second; --optimize-for-size 150 MB,
 * and doubles the CPU of an order.
 */
export const nodeFlags: readonly string[] = [
  '--max-semi-space-size=8',
  '--heap-growing-percent=110',
  // Until kit/host/after-start.ts is called, which needs the third.
  '--maglev-filter=~',
  '--turbo-filter=~',
  '--expose-gc',
];

/** Applies where the environment says nothing else. */
export const nodeEnvironment = {
  /** What was compiled, types stripped, is kept between starts: half of the time, and 30 MB less per process. */
  NODE_COMPILE_CACHE: `${cacheDir}/compile`,
  /** Of glibc: threads share two heaps instead of keeping one each, 3 to 5 MB less per process. */
  MALLOC_ARENA_MAX: '2',
} as const;
