/** Ids in the order of time: UUIDs of version 7, which begin with the milliseconds since the epoch. */

/** No id that was made at this time or later is smaller. `ms` is in milliseconds since the epoch. */
export function firstIdOf(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0').slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** By how much the time in an id may be ahead of the clock, in milliseconds: ids of one process only ever grow. */
export const idAheadMsMax = 60_000;
