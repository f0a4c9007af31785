/** What a domain.ts must not do: ask for the time, for chance or for anything outside. Both are its arguments. */
import { readdirSync, readFileSync } from 'node:fs';
import { parseSync } from 'vite';
import { root } from '../run.ts';
import { isDomain, purePartsOfKit } from './imports.ts';

/** The globals whose every use gives the same for the same; of Date and Math `impureMember` is left out. */
const pureGlobals = new Set(
  `Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean Buffer DataView Date Error Infinity JSON Map Math NaN Number
  Object RangeError RegExp Set String Symbol SyntaxError TextDecoder TextEncoder TypeError URL Uint8Array WeakMap WeakSet
  decodeURIComponent encodeURIComponent isFinite isNaN parseFloat parseInt structuredClone undefined`.split(
    /\s+/,
  ),
);
const impureMember: Record<string, string | undefined> = { Date: 'now', Math: 'random' };

/** Every use of the world in what must be pure, as "file:line: uses what: why". */
export function findImpurity(): string[] {
  const files = readdirSync(`${root}services`, { recursive: true, encoding: 'utf8' })
    .map((name) => `services/${name.replaceAll('\\', '/')}`)
    .filter(isDomain);
  return [...files, ...purePartsOfKit]
    .sort()
    .flatMap((file) =>
      impureIn(file, readFileSync(`${root}${file}`, 'utf8')).map(
        ({ line, what }) =>
          `${file}:${line}: uses ${what}: it is to be pure; time, ids and chance are arguments`,
      ),
    );
}

/** A node of the syntax tree, as far as it is of interest. */
interface Node {
  type: string;
  start: number;
  end: number;
  [part: string]: unknown;
}

/** The uses of the world in one file; lines count from 1. A name that the file declares anywhere is its own everywhere. */
export function impureIn(file: string, text: string): { line: number; what: string }[] {
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]!.message}`);
  const own = new Set<string>();
  const used: { node: Node; parent: Node }[] = [];
  walk(program as unknown as Node, undefined, (node, parent) => {
    for (const name of declaredBy(node)) own.add(name);
    if (node.type === 'Identifier' || isImportMeta(node)) used.push({ node, parent });
  });
  return used
    .filter(({ node }) => !own.has(String(node.name)))
    .flatMap(({ node, parent }) => impurityOf(node, parent, text) ?? [])
    .map(({ start, what }) => ({ line: text.slice(0, start).split('\n').length, what }));
}

function impurityOf(
  node: Node,
  parent: Node,
  text: string,
): { start: number; what: string } | undefined {
  const name = String(node.name ?? node.type);
  const isMember = parent.type === 'MemberExpression' && parent.object === node;
  const what = text.slice(node.start, isMember ? parent.end : node.end);
  if (!pureGlobals.has(name)) return { start: node.start, what };
  const impure = impureMember[name];
  if (impure === undefined || (isMember && isPlain(parent, impure))) return undefined;
  if (name === 'Date' && parent.type === 'BinaryExpression') return undefined;
  const isNew = parent.type === 'NewExpression' && parent.callee === node;
  if (isNew && (parent.arguments as Node[]).length > 0) return undefined;
  return { start: node.start, what: isNew ? text.slice(parent.start, parent.end) : what };
}

/** Whether a member is named outright, and is another than the impure one. */
function isPlain(member: Node, impure: string): boolean {
  return member.computed === false && (member.property as Node).name !== impure;
}

/** Visits whatever becomes code: no types, and no names that are only those of members. */
function walk(
  node: Node,
  parent: Node | undefined,
  visit: (node: Node, parent: Node) => void,
): void {
  visit(node, parent ?? node);
  if (node.type === 'MetaProperty') return;
  for (const [part, value] of Object.entries(node)) {
    const isName = node.computed === false && (part === 'key' || part === 'property');
    if (isName || part === 'label' || part === 'exported') continue;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child) && isCode(child)) walk(child, node, visit);
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof (value as Node | null)?.type === 'string';
}

/** The other property of the kind, new.target, says nothing of the world. */
function isImportMeta({ type, meta }: Node): boolean {
  return type === 'MetaProperty' && (meta as Node).name === 'import';
}

/** Types are not; "x as T" is, for its x. */
function isCode({ type }: Node): boolean {
  return !type.startsWith('TS') || /^TS(As|Satisfies|NonNull|Instantiation)Expression$/.test(type);
}

const declarations = /^(ImportSpecifier|ImportDefaultSpecifier|ImportNamespaceSpecifier)$/;

function declaredBy(node: Node): string[] {
  if (declarations.test(node.type)) return namesIn(node.local);
  if (node.type === 'VariableDeclarator') return namesIn(node.id);
  if (node.type === 'CatchClause') return namesIn(node.param);
  if (/^Class/.test(node.type)) return namesIn(node.id);
  if (/Function/.test(node.type)) return [node.id, ...(node.params as Node[])].flatMap(namesIn);
  return [];
}

/** The names that a pattern binds: "{ a, b: [c = 1, ...d] }" has a, c and d. */
function namesIn(pattern: unknown): string[] {
  if (!isNode(pattern)) return [];
  switch (pattern.type) {
    case 'Identifier':
      return [String(pattern.name)];
    case 'ObjectPattern':
      return (pattern.properties as Node[]).flatMap((each) => namesIn(each.value ?? each));
    case 'ArrayPattern':
      return (pattern.elements as unknown[]).flatMap(namesIn);
    default:
      return namesIn(pattern.left ?? pattern.argument);
  }
}
