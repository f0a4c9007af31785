import { type DeadLetter, readDeadLetters } from '#kit/bus/dead-letters.ts';
import type { Evidence } from '../evidence.ts';
import { finding, type Page } from '../invariants.ts';

/** More than would be looked at. */
const lettersMax = 100;

/** No event was given up: all of them are good, and whatever died came back. */
export async function checkDeadLetters({ bus, services }: Evidence): Promise<Page> {
  const given: (Pick<DeadLetter, 'consumer' | 'attempts' | 'failure'> & { event: string })[] = [];
  for (const name of services) {
    for (const letter of await readDeadLetters(bus, name, 0, lettersMax)) {
      const { event, consumer, attempts, failure } = letter;
      given.push({ consumer: `${name} ${consumer}`, event: event.id, attempts, failure });
    }
  }
  return { lines: [], findings: [finding('no event is given up', given)] };
}
