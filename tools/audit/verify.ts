// Verifies a copy of the audit log, without the mesh: npm run audit:verify -- <folder> [options]
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { readVerifier } from '#services/platform/audit/log/note.ts';
import { say } from '../run.ts';
import { runTool, UsageError } from '../tool.ts';
import { openFolder } from './folder.ts';
import { verifyLog } from './verifier.ts';

const usage = `npm run audit:verify -- <folder> [options]
  holds a copy made by npm run audit:export against its checkpoint, and against each that was seen before; ends with code 1
  when something does not fit, and says what
  --key <verifier>   the public key of the log, from whoever runs it (the one that came with the copy)
  --remember <file>  where checkpoints are remembered that were found good`;

const options = { key: { type: 'string' }, remember: { type: 'string' } } as const;

await runTool(usage, { allowPositionals: true, options }, ({ values, positionals }) => {
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) throw new UsageError('name one folder to verify');
  const folder = openFolder(path);
  const note = folder.readCheckpoint();
  if (note === undefined)
    throw new Error(`${path} has no checkpoint: npm run audit:export makes one`);
  const keys = values.key === undefined ? folder.readVerifiers() : [values.key];
  const remembered = values.remember === undefined ? [] : readRemembered(values.remember);
  const { findings, checkpoint } = verifyLog(folder, keys.map(readVerifier), remembered);
  for (const finding of findings) say(finding);
  if (findings.length > 0) {
    process.exitCode = 1;
    return;
  }
  if (values.remember !== undefined && !remembered.includes(note)) {
    appendFileSync(values.remember, `${JSON.stringify(note)}\n`);
  }
  if (values.key === undefined)
    say('the key is the one that came with the copy: --key names another');
  const { size, root, origin } = checkpoint!;
  say(`${origin}: ${size} leaves, root ${root.toString('hex')}: all fits`);
});

function readRemembered(file: string): string[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as string);
}
