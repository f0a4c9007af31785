import { readdirSync, readFileSync } from 'node:fs';
import type { Names } from './names.ts';

const templates = new URL('./templates/', import.meta.url);

/** The files of a new service by their paths in the repository, with what is in them. */
export function filesOf(names: Names): Map<string, string> {
  return new Map(
    readdirSync(templates).map((file) => [
      pathOf(file.replace('.template', ''), names),
      fill(readFileSync(new URL(file, templates), 'utf8'), names),
    ]),
  );
}

function pathOf(file: string, { domain, thing }: Names): string {
  const folder = `services/${domain}/${thing}`;
  switch (file) {
    case 'service.proto':
      return `proto/${domain}/${thing}/v1/${thing}.proto`;
    case 'migration.sql':
      return `${folder}/migrations/0001_${thing}.sql`;
    case 'belongings.ts':
      return `tests/support/belongings/${domain}-${thing}.ts`;
    case 'service.test.ts':
      return `${folder}/${thing}.test.ts`;
    default:
      return `${folder}/${file}`;
  }
}

function fill(text: string, names: Names): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, name) => {
    const value = names[name as keyof Names];
    if (value === undefined) throw new Error(`a template asks for ${name}`);
    return value;
  });
}
