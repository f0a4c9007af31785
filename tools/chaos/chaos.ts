/** One chaos run on a mesh: load, kills, quiet, and then the books. */
import { percentile } from '../bench/benchmark.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { type Desk, openDesk } from './desk.ts';
import { openEvidence } from './evidence.ts';
import { askAgain } from './invariants/answers.ts';
import { checkInvariants, type Finding, finding, type Page, tally } from './invariants.ts';
import { carryOut, type Killed } from './killer.ts';
import { type Load, startLoad } from './load.ts';
import { Overdue, pause } from './patience.ts';
import { deathsOf, type Kill } from './plan.ts';
import { killLine } from './report.ts';
import { settle } from './settle.ts';
import type { System } from './system.ts';

export interface ChaosOptions {
  callers: number;
  seed: number;
  say(line: string): void;
}

export interface ChaosResult extends Page {
  deaths: number;
  acknowledged: number;
  /** Places of the plan that nobody came by. */
  missed: string[];
  figures: Record<string, number>;
  /** Broken invariants, all together. */
  violations: number;
}

const answeredMsMax = 120_000;
const settledMsMax = 180_000;

/** Carries out all kills under load, one after the other as the mesh recovers, and checks every invariant after. */
export async function runChaos(
  system: System,
  mesh: Mesh,
  plan: readonly Kill[],
  options: ChaosOptions,
): Promise<ChaosResult> {
  const { callers, seed, say } = options;
  const desk = openDesk(mesh, system.service);
  const stage = await system.open(mesh, desk, callers);
  const load = startLoad(stage, seed);
  const evidence = await openEvidence(mesh, { system, desk, load });
  const startedAt = performance.now();
  try {
    const { killed, overdue } = await killAll(mesh, load, plan, say);
    const loadSeconds = (performance.now() - startedAt) / 1000;
    say(
      'nobody begins anything any more; everything is to settle, and every request is made once more',
    );
    await attempt(overdue, () => load.stop(answeredMsMax));
    await attempt(overdue, () => settle(stage, evidence, settledMsMax));
    // A mesh that is not back answers nobody. What is asked again does nothing, as the books show, so they come after it.
    const changed = overdue.length === 0 ? await askAgain(desk) : [];
    await attempt(overdue, () => settle(stage, evidence, settledMsMax));
    const { lines, findings } = await checkInvariants(stage, evidence);
    findings.push(finding('the answer to a request does not change', changed));
    findings.push(finding('the mesh recovers and settles', overdue));
    const failures = `failures and refusals on the way: ${tally(desk.failures)}`;
    for (const line of ['', 'the books', ...lines, failures]) say(line === '' ? line : `  ${line}`);
    return { lines, findings, ...summaryOf(mesh, desk, killed, loadSeconds, findings) };
  } finally {
    await evidence.close();
  }
}

async function killAll(
  mesh: Mesh,
  load: Load,
  plan: readonly Kill[],
  say: ChaosOptions['say'],
): Promise<{ killed: Killed[]; overdue: string[] }> {
  const killed: Killed[] = [];
  const overdue: string[] = [];
  const kills = plan.reduce((sum, kill) => sum + deathsOf(kill), 0);
  let deaths = 0;
  for (const kill of plan) {
    await pause(kill.pauseMs);
    await attempt(overdue, async () => {
      const outcome = await carryOut(mesh, load, kill);
      say(killLine(kill, outcome, { before: deaths, kills }));
      killed.push(outcome);
      deaths += outcome.deaths;
    });
    // A mesh that does not come back cannot be killed any deader.
    if (overdue.length > 0) break;
  }
  return { killed, overdue };
}

/** What is overdue is noted; the books are held against each other all the same. */
async function attempt(overdue: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Overdue)) throw error;
    overdue.push(error.message);
  }
}

function summaryOf(
  mesh: Mesh,
  { acknowledged }: Desk,
  killed: readonly Killed[],
  loadSeconds: number,
  findings: readonly Finding[],
): Omit<ChaosResult, keyof Page> {
  const recoveries = killed.map(({ recoveryMs }) => recoveryMs);
  const restarts = mesh.processes.reduce((sum, process) => sum + process.restarts, 0);
  return {
    deaths: killed.reduce((sum, { deaths }) => sum + deaths, 0),
    acknowledged: acknowledged.length,
    missed: killed.flatMap(({ missed }) => missed),
    figures: {
      recoveryMsP50: percentile(recoveries, 0.5),
      recoveryMsP99: percentile(recoveries, 0.99),
      answersPerSecond: acknowledged.length / loadSeconds,
      restarts,
    },
    violations: findings.reduce((sum, { broken }) => sum + broken, 0),
  };
}
