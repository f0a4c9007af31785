import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** A folder that looks like a fresh checkout after npm ci, in which a reader may leave files. */
export function createCheckout(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'meshwork-reader-'));
  const leftBehind = new Set(['.git', '.meshwork', 'examples']);
  for (const name of readdirSync(root)) {
    if (!leftBehind.has(name)) symlinkSync(join(root, name), join(folder, name));
  }
  const made = new Set(['meshwork', '__pycache__']);
  cpSync(`${root}examples`, join(folder, 'examples'), {
    recursive: true,
    filter: (source) => !made.has(source.split('/').at(-1)!),
  });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
