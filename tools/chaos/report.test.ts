import { expect, test } from 'vitest';
import type { ChaosResult } from './chaos.ts';
import type { Kill } from './plan.ts';
import { killLine, verdictLines } from './report.ts';

const asked = {
  kills: 60,
  seed: 7,
  callers: 16,
  placement: 'service',
  system: 'shop',
  dataDir: '/tmp/kept',
};
const after = { before: 3, kills: 60 };

test('a kill is told with its number, its victims, and when the mesh served again', () => {
  const crash: Kill = { pauseMs: 0, kind: 'crash', victims: ['nats'] };
  expect(killLine(crash, { deaths: 1, recoveryMs: 2_849, missed: [] }, after)).toBe(
    'kill 4 of 60: nats: serves again after 2.8 s',
  );
});

test('a row of kills counts all of its deaths, and says where, and which place nobody came by', () => {
  const points = [
    { name: 'finance.payment.after-void', pass: 3 },
    { name: 'finance.payment.before-void', pass: 1 },
  ];
  const kill: Kill = { pauseMs: 0, kind: 'points', rows: [{ service: 'finance.payment', points }] };
  const killed = { deaths: 3, recoveryMs: 12_000, missed: ['finance.payment.before-void'] };
  expect(killLine(kill, killed, after)).toBe(
    'kills 4-6 of 60: finance.payment, then at after-void (pass 3), at before-void (pass 1): ' +
      'serves again after 12.0 s; nobody came by finance.payment.before-void',
  );
});

function resultWith(broken: number): ChaosResult {
  const findings = [
    { invariant: 'no unit is lost or made', broken, examples: broken > 0 ? ['{"sku":"TEA"}'] : [] },
    { invariant: 'people are told once', broken: 0, examples: [] },
  ];
  const figures = { recoveryMsP50: 3_000 };
  const counted = { deaths: 60, acknowledged: 900, missed: [], violations: broken };
  return { lines: [], findings, figures, ...counted };
}

test('a run in which everything holds ends by saying so', () => {
  const lines = verdictLines(resultWith(0), asked);
  expect(lines).toContain('  holds   no unit is lost or made');
  expect(lines.at(-1)).toBe(
    '60 kills under 900 answers; it served again after 3.0 s at the median; all 2 invariants hold',
  );
});

test('a run that breaks something shows by what, where its data is, and how to do it again', () => {
  const lines = verdictLines(resultWith(2), asked);
  expect(lines).toEqual(
    expect.arrayContaining([
      '  BROKEN  no unit is lost or made (2)',
      '            {"sku":"TEA"}',
      '  holds   people are told once',
      expect.stringMatching(/; 1 of 2 invariants are broken$/),
    ]),
  );
  expect(lines.at(-1)).toBe(
    'data and logs are kept in /tmp/kept; the same kills again: ' +
      'npm run chaos -- --system shop --kills 60 --seed 7 --callers 16 --placement service',
  );
});
