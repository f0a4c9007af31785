import { UsageError } from '../tool.ts';
import { bank } from './bank/system.ts';
import { shop } from './shop/system.ts';
import type { System } from './system.ts';

/** Every system that a chaos run can have. */
export const systems: readonly System[] = [shop, bank];

/** Throws UsageError. */
export function readSystem(name: string): System {
  const found = systems.find((system) => system.name === name);
  if (found !== undefined) return found;
  const names = systems.map((system) => system.name).join(', ');
  throw new UsageError(`--system must be one of ${names}, not "${name}"`);
}
