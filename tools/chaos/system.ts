/** What a chaos run has to know of a system that the mesh carries: each has a folder of its own. */
import type { Mesh } from '../mesh/mesh.ts';
import type { Desk } from './desk.ts';
import type { Evidence } from './evidence.ts';
import type { Page } from './invariants.ts';
import type { Act, Progress } from './load.ts';

export interface System {
  readonly name: string;
  /** The services that it takes, the only ones that run; all of the mesh when absent. */
  readonly services?: readonly string[];
  /** Further environment of the processes. */
  readonly env?: Record<string, string>;
  /** The service as which somebody calls who is no person. */
  readonly service: string;
  /** Named places of the code (kit/debug.ts) between two effects, by the service that they are in: a run kills there. */
  readonly points: Readonly<Record<string, readonly string[]>>;
  /** Places of these services, and of the kit, at which no run kills, and why. */
  readonly otherPoints: Readonly<Record<string, string>>;
  /** Makes what the callers need; whoever is named here is signed up, and what they are answered is kept at the desk. */
  open(mesh: Mesh, desk: Desk, callers: number): Promise<Stage>;
}

/** A system with people in it. */
export interface Stage {
  /** What each caller does over and over. */
  acts(progress: Progress): Act[];
  /** What is not done yet, and how much of it. */
  findBusy(evidence: Evidence): Promise<[string, number][]>;
  /** What must hold once everything has settled, beside what holds in every system. */
  readonly checks: readonly ((evidence: Evidence) => Promise<Page>)[];
}
