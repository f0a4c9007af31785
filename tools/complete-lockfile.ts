// Adds to package-lock.json the optional platform packages that the registry in use does not carry, so that
// `npm ci` accepts the file there and still finds every platform's binary elsewhere. Run it after `npm install`.
import { readFileSync, writeFileSync } from 'node:fs';

interface LockEntry {
  version?: string;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, LockEntry> };

const platforms = ['linux', 'darwin', 'win32', 'android', 'freebsd', 'openharmony'];
const cpus = ['x64', 'arm64', 'arm', 'armv7', 'ia32', 'riscv64', 'ppc64', 's390x', 'wasm32'];
const added: string[] = [];

for (const entry of Object.values({ ...lock.packages })) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    const words = name.split(/[-/]/);
    const os = platforms.filter((platform) => words.includes(platform));
    if (lock.packages[path]?.version !== undefined || os.length === 0) continue;
    lock.packages[path] = {
      version: range.replace(/^[\^~]/, ''),
      cpu: cpus.filter((cpu) => words.includes(cpu)).map((cpu) => (cpu === 'armv7' ? 'arm' : cpu)),
      optional: true,
      os,
    };
    added.push(`${name}@${range}`);
  }
}

lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(added.length === 0 ? 'lock file complete\n' : `added ${added.join(', ')}\n`);
