/** What a chaos run says to whoever watches it. Pure. */
import type { ChaosResult } from './chaos.ts';
import type { Killed } from './killer.ts';
import { deathsOf, type Kill } from './plan.ts';

/** How the run was asked for: its options, and where its data is. */
export interface Asked {
  kills: number;
  seed: number;
  callers: number;
  placement: string;
  system: string;
  dataDir: string;
}

/** "kills 2-3 of 60: commerce.order, then at after-void (pass 3): serves again after 2.8 s" */
export function killLine(
  kill: Kill,
  { recoveryMs, missed }: Killed,
  { before, kills }: { before: number; kills: number },
): string {
  const last = before + deathsOf(kill);
  const which = last === before + 1 ? `kill ${last}` : `kills ${before + 1}-${last}`;
  const unseen = missed.map((name) => `; nobody came by ${name}`).join('');
  return `${which} of ${kills}: ${victimsIn(kill)}: serves again after ${seconds(recoveryMs)}${unseen}`;
}

/** A service dies where it stands, and its next lives at places of its own. */
function victimsIn(kill: Kill): string {
  if (kill.kind === 'crash') return kill.victims.join(' and ');
  const rows = kill.rows.map(({ service, points }) => {
    const places = points.map(({ name, pass }) => {
      const place = name.replace(`${service}.`, '');
      return `${place} (pass ${pass})`;
    });
    return `${service}, then at ${places.join(', at ')}`;
  });
  return rows.join('; ');
}

/** What became of each invariant, and last the whole in one sentence, with what to do when something is broken. */
export function verdictLines(result: ChaosResult, asked: Asked): string[] {
  const { findings, violations, deaths, acknowledged, figures } = result;
  const invariants = findings.flatMap(({ invariant, broken, examples }) =>
    broken === 0
      ? [`  holds   ${invariant}`]
      : [`  BROKEN  ${invariant} (${broken})`, ...examples.map((each) => `            ${each}`)],
  );
  const { recoveryMsP50 = Number.NaN } = figures;
  const recovery = `it served again after ${seconds(recoveryMsP50)} at the median`;
  const story = `${deaths} ${deaths === 1 ? 'kill' : 'kills'} under ${acknowledged} answers; ${recovery}`;
  if (violations === 0) {
    return ['', ...invariants, '', `${story}; all ${findings.length} invariants hold`];
  }
  const broken = findings.filter((each) => each.broken > 0).length;
  const { system, kills, seed, callers, placement, dataDir } = asked;
  const again = `--system ${system} --kills ${kills} --seed ${seed} --callers ${callers} --placement ${placement}`;
  return [
    '',
    ...invariants,
    '',
    `${story}; ${broken} of ${findings.length} invariants are broken`,
    `data and logs are kept in ${dataDir}; the same kills again: npm run chaos -- ${again}`,
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
