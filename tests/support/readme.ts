import { readFileSync } from 'node:fs';
import { root } from '#tools/run.ts';

/** Where the README says that the gateway is. */
const printedGateway = '127.0.0.1:7300';

/** The first code block of the README after the given words, for a gateway that is elsewhere. */
export function readmeBlock(marker: string, gateway: string): string {
  const text = readFileSync(`${root}README.md`, 'utf8');
  const [, rest] = text.split(marker);
  const block = /```\w+\n(.*?)```/s.exec(rest ?? '')?.[1];
  if (block === undefined) throw new Error(`README.md has no code after "${marker}"`);
  return block.replaceAll(printedGateway, gateway);
}
