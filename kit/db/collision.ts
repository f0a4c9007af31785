/** Two processes that do the same at once: one is first, and the other does its transaction again. */
import { limits } from '../limits.ts';
import { Conflict } from '../mesh-errors.ts';
import { isUndone, sqlState } from './errors.ts';

/** Another process was faster: undo, look again. */
export class Collision extends Error {}

/**
 * Does `work`, which is one transaction, again when another process was faster or the two were deadlocked. Throws
 * Conflict when that goes on.
 */
export async function retryCollisions<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let collisions = 0; collisions < limits.collisionsMax; collisions += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Collision) && !isUndone(error)) throw error;
    }
  }
  throw new Conflict();
}

/**
 * For the insert of rows that another process may have made meanwhile: a violation of the named constraint becomes a
 * Collision.
 */
export function asCollision(constraint: string): (error: unknown) => never {
  return (error) => {
    const isOurs = (error as { constraint_name?: unknown }).constraint_name === constraint;
    throw isOurs && sqlState(error) === uniqueViolation ? new Collision() : error;
  };
}

const uniqueViolation = '23505';
