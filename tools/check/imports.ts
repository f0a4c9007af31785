/** Who may import whom (see CONTRIBUTING.md): the layers are only as good as the check that holds them. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { root } from '../run.ts';

interface Rule {
  /** Files that the rule is for. */
  files: RegExp;
  /** What they may not import: a repository path, or a package name. */
  forbids: (target: string, from: string) => boolean;
  why: string;
}

/** Parts of the kit without I/O, clock or randomness: what a domain.ts may use. */
export const purePartsOfKit: ReadonlySet<string> = new Set([
  'kit/currency.ts',
  'kit/derived-id.ts',
  'kit/errors.ts',
  'kit/limits.ts',
  'kit/mesh-errors.ts',
  'kit/page.ts',
]);

/** Packages of generated code that the kit itself is written against. */
const contractOfKit =
  /^gen\/((google|buf|grpc|platform\/(policy|ops|identity|testing))\/|platform\/audit\/v1\/made_pb\.ts$)/;

const serviceOf = (path: string) => /^services\/[^/]+\/[^/]+\//.exec(path)?.[0];
const isTest = (path: string) => /\.test\.ts$|\/testing\/|\/testing\.ts$/.test(path);

/** A service's rules: domain.ts, or the files of domain/. */
export const isDomain = (path: string) =>
  /^services\/[^/]+\/[^/]+\/domain(\/.*)?\.ts$/.test(path) && !isTest(path);

const rules: Rule[] = [
  {
    files: /^services\/[^/]+\/[^/]+\//,
    forbids: (target, from) =>
      !isTest(from) &&
      (target.startsWith('services/')
        ? serviceOf(target) !== serviceOf(from)
        : /^(tools|tests)\//.test(target)),
    why: 'a service imports its own files, kit and gen only; it calls others by their generated client',
  },
  {
    files: /^services\//,
    forbids: (target, from) =>
      isDomain(from) &&
      (target.startsWith('services/')
        ? !/\/domain(\/|\.ts$)/.test(target.slice(serviceOf(from)!.length - 1))
        : !purePartsOfKit.has(target)),
    why: 'domain.ts is pure: its own parts and the pure parts of the kit only',
  },
  {
    files: /^services\/[^/]+\/[^/]+\/store(\/.*)?\.ts$/,
    forbids: (target) => target.startsWith('gen/'),
    why: 'store.ts never sees a proto message',
  },
  {
    files: /^kit\//,
    forbids: (target, from) =>
      /^(services|tools|tests)\//.test(target) ||
      (target.startsWith('gen/') && !contractOfKit.test(target) && !isTest(from)),
    why: 'the kit knows no domain',
  },
  {
    files: /^(?!kit\/|tools\/bench\/|tests\/)/,
    forbids: (target) => /^@connectrpc\/connect(-node)?$|^@grpc\/grpc-js$/.test(target),
    why: 'transports live in the kit, so that a handler cannot tell who carried its request',
  },
];

/** Every import that breaks a rule, as "file: imports target: why". */
export function findForbiddenImports(): string[] {
  const files = ['kit', 'services', 'tools', 'tests'].flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`),
  );
  return files.flatMap((file) =>
    importsOf(file).flatMap((target) =>
      rules
        .filter((rule) => rule.files.test(file) && rule.forbids(target, file))
        .map((rule) => `${file}: imports ${target}: ${rule.why}`),
    ),
  );
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g;

function importsOf(file: string): string[] {
  const text = readFileSync(`${root}${file}`, 'utf8');
  return [...text.matchAll(importPattern)].map((match) =>
    resolve(file, match[1] ?? match[2] ?? match[3]!),
  );
}

function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(file), specifier);
  return specifier.startsWith('#') ? specifier.slice(1) : specifier;
}
