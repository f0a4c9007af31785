import { type Acknowledged, type Desk, idOf } from '../desk.ts';
import type { Evidence } from '../evidence.ts';
import { finding, type Page, tally } from '../invariants.ts';

const askersMax = 64;

/** Whoever was answered got one answer, and one that there was reason to expect. */
export async function checkAnswers({ acknowledged, load }: Evidence): Promise<Page> {
  const byRequest = Map.groupBy(acknowledged, ({ request }) => idOf(request));
  const differing = [...byRequest.values()].filter((answers) =>
    answers.some(({ answer }) => !isSame(answer, answers[0]!.answer)),
  );
  const byMethod = Map.groupBy(acknowledged, ({ method }) => method.name);
  const counts = [...byMethod].map(([name, { length }]) => [name, length] as const);
  return {
    lines: [`answers, each asked for again: ${tally(counts)}`],
    findings: [
      finding(
        'one request has one answer',
        differing.map(([first]) => brief(first!)),
      ),
      finding('nobody is refused without a reason', load.surprises),
    ],
  };
}

/** Asks for everything once more, at every door, and gives what is answered otherwise than it was the first time. */
export async function askAgain({ acknowledged, repeat }: Desk): Promise<unknown[]> {
  const changed: unknown[] = [];
  const rest = acknowledged.values();
  const asker = async () => {
    for (const each of rest) {
      const answers = await repeat(each);
      if (!answers.every((answer) => isSame(answer, each.answer))) changed.push(brief(each));
    }
  };
  await Promise.all(Array.from({ length: askersMax }, asker));
  return changed;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function brief({ method, request }: Acknowledged) {
  return { method: method.name, requestId: idOf(request) };
}
