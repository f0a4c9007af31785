import { hashLeaf } from '#services/platform/audit/log/merkle.ts';

/**
 * Holds leaves against the hashes of their tile, the first of which is that of leaf `begin`: a sentence for each that does
 * not fit, which says whether it was changed, moved, put in or taken away.
 */
export function compareLeaves(
  leaves: readonly Buffer[],
  hashes: readonly Buffer[],
  begin: number,
): string[] {
  const found = leaves.map((leaf) => hashLeaf(leaf).toString('hex'));
  const wanted = hashes.map((hash) => hash.toString('hex'));
  const places = new Map(wanted.map((hash, i) => [hash, i]));
  const there = new Set(found);
  const findings: string[] = [];
  let [at, place] = [0, 0];
  while (at < found.length || place < wanted.length) {
    const [here, due] = [found[at], wanted[place]];
    const isGone = due !== undefined && !there.has(due);
    const isStrange = here !== undefined && !places.has(here);
    const leaf = `leaf ${begin + place}`;
    if (here !== due) {
      if (isGone && isStrange) findings.push(`${leaf}: its entry was changed`);
      else if (isGone) findings.push(`${leaf}: its entry is missing`);
      else if (isStrange)
        findings.push(`${leaf}: before it stands an entry that is not in the log`);
      else if (here === undefined) findings.push(`${leaf}: its entry is in another place`);
      else findings.push(`${leaf}: here stands the entry of leaf ${begin + places.get(here)!}`);
    }
    // An entry that is missing or too much must not make all behind it look as if they had been moved.
    if (here === due || isGone === isStrange) {
      at += 1;
      place += 1;
    } else if (isGone) place += 1;
    else at += 1;
  }
  return findings;
}
