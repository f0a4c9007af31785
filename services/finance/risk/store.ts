import type { Database } from '#kit/db/database.ts';
import { createDecisionStore, type DecisionStore } from './store/decisions.ts';
import { createReservationStore, type ReservationStore } from './store/reservations.ts';
import { createRuleSetStore, type RuleSetStore } from './store/rule-sets.ts';
import { createVelocityStore, type VelocityStore } from './store/velocity.ts';

/** All that is kept: each store has its own tables, and takes part in the transactions of the others. */
export interface Stores {
  readonly ruleSets: RuleSetStore;
  readonly decisions: DecisionStore;
  readonly reservations: ReservationStore;
  readonly velocity: VelocityStore;
}

/** Keeps it in the schema of `database`, of which each `tx` must be a transaction. */
export function createStores(database: Database): Stores {
  return {
    ruleSets: createRuleSetStore(database),
    decisions: createDecisionStore(database),
    reservations: createReservationStore(database),
    velocity: createVelocityStore(database),
  };
}
