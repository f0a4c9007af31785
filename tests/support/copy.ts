/** The repository once more, without its history, for what tools change in it. */
import { type ExecFileOptions, execFile } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { inject } from 'vitest';
import { root } from '#tools/run.ts';

/** How a program ended, and what it printed. */
export interface Ended {
  code: number;
  output: string;
}

export interface Copy {
  /** Its folder. */
  readonly root: string;
  /** Runs a program of node_modules or of the PATH in it, on the servers of this test run. */
  run(command: string, ...args: string[]): Promise<Ended>;
  /** Replaces the one place of a text in a file. */
  edit(path: string, from: string, to: string): void;
  remove(): void;
}

/** What a fresh checkout does not have. */
const leftOut = new Set(['node_modules', '.git', '.meshwork', 'try.ts']);
const generated = ['examples/python/meshwork', 'examples/python/__pycache__'];

/** Copies what is in the repository now, with its node_modules; `remove` deletes it again. */
export function copyRepository(): Copy {
  const copy = mkdtempSync(join(tmpdir(), 'meshwork-copy-'));
  for (const name of readdirSync(root).filter((each) => !leftOut.has(each))) {
    cpSync(join(root, name), join(copy, name), {
      recursive: true,
      filter: (source) => !generated.includes(relative(root, source)),
    });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return {
    root: copy,
    run: (command, ...args) => runIn(copy, command, args),
    edit(path, from, to) {
      const text = readFileSync(join(copy, path), 'utf8');
      if (text.split(from).length !== 2) throw new Error(`${path} has "${from}" not once`);
      writeFileSync(join(copy, path), text.replace(from, to));
    },
    remove: () => rmSync(copy, { recursive: true, force: true }),
  };
}

function runIn(folder: string, command: string, args: readonly string[]): Promise<Ended> {
  // What this test run tells its workers is not for the one that it starts.
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|NODE_ENV|TEST$)/.test(name),
  );
  const { databaseUrl, natsUrl, redisUrl } = inject('servers');
  const servers = { DATABASE_URL: databaseUrl, NATS_URL: natsUrl, REDIS_URL: redisUrl };
  const path = `${join(folder, 'node_modules/.bin')}:${process.env.PATH}`;
  const options: ExecFileOptions = {
    cwd: folder,
    env: { ...Object.fromEntries(own), ...servers, PATH: path, NO_COLOR: '1' },
  };
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? 1);
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}
