import { readdirSync, readFileSync } from 'node:fs';
import { root } from '../run.ts';

/** Every export of the kit without a docstring right above it, as "file:line name": the docstrings are its manual. */
export function findUndocumentedExports(): string[] {
  return readdirSync(`${root}kit`, { recursive: true, encoding: 'utf8' })
    .map((name) => `kit/${name.replaceAll('\\', '/')}`)
    .filter((file) => /^kit\/(?!testing\/).*(?<!\.test)\.ts$/.test(file))
    .sort()
    .flatMap((file) =>
      undocumentedIn(readFileSync(`${root}${file}`, 'utf8')).map(
        ({ line, name }) => `${file}:${line} ${name} has no docstring`,
      ),
    );
}

const declared =
  /^export (?:(?:declare|abstract|async) )*(?:function\*?|class|interface|type|const|let) (\w+)/;

/**
 * The exports of one file that nobody describes; lines count from 1. The formatter has put each of them at the start of
 * a line. What is passed on from another file is described there.
 */
export function undocumentedIn(text: string): { line: number; name: string }[] {
  const lines = text.split('\n');
  return lines.flatMap((line, i) => {
    const isOurs = line.startsWith('export ') && !isPassedOn(lines, i);
    if (!isOurs || isBelowDocstring(lines, i)) return [];
    return [{ line: i + 1, name: declared.exec(line)?.[1] ?? line }];
  });
}

function isPassedOn(lines: readonly string[], at: number): boolean {
  if (!/^export (?:type )?[{*]/.test(lines[at]!)) return false;
  const last = lines.slice(at).find((line) => line.endsWith(';'));
  return / from '.*';$/.test(last ?? '');
}

/** Words to the linter may stand between the two. */
function isBelowDocstring(lines: readonly string[], at: number): boolean {
  const above = lines.slice(0, at);
  while (above.at(-1)?.startsWith('//')) above.pop();
  if (above.at(-1)?.endsWith('*/') !== true) return false;
  return above.findLast((line) => line.startsWith('/*'))?.startsWith('/**') === true;
}
