/**
 * The list of Specially Designated Nationals as OFAC publishes it: sdn.csv with an entry a line, alt.csv with their other
 * names. No header; "-0-" stands for nothing; the file ends with a control character. Pure.
 * Source: https://ofac.treasury.gov/specially-designated-nationals-list-data-formats-data-schemas
 */
import { parseCsv } from './csv.ts';

/** One person, company, ship or aircraft of the list. */
export interface ListEntry {
  readonly entryId: string;
  readonly kind: 'PERSON' | 'ENTITY';
  /** The name that it is listed under first, then the others. */
  readonly names: readonly string[];
  readonly programs: readonly string[];
  /** Years in which a person may have been born; none when they are not known. */
  readonly birthYears: readonly number[];
  /** Countries by their English names. */
  readonly countries: readonly string[];
}

/** The files are not what OFAC publishes: half a file, or two that do not belong together. The message says where. */
export class BrokenList extends Error {
  override readonly name = 'BrokenList';
}

const sdnFields = 12;
const altFields = 5;

/** Reads both files. Throws BrokenList for what is no list, or one without entries. */
export function parseSdn(sdn: string, alt: string): ListEntry[] {
  const entries = new Map<string, ListEntry & { names: string[] }>();
  for (const { fields, line } of recordsOf(sdn, sdnFields, 'sdn.csv')) {
    const [entryId, name, type, program] = fields as [string, string, string, string];
    if (entries.has(entryId)) throw new BrokenList(`sdn.csv:${line}: ${entryId} is there twice`);
    if (name === '') throw new BrokenList(`sdn.csv:${line}: ${entryId} has no name`);
    const remarks = fields[11]!;
    entries.set(entryId, {
      entryId,
      kind: type.toLowerCase() === 'individual' ? 'PERSON' : 'ENTITY',
      names: [name],
      programs: program.split(/\]\s*\[|;\s*/).filter(Boolean),
      birthYears: birthYearsOf(remarks),
      countries: [...remarks.matchAll(/(?:nationality|citizen) ([A-Z][A-Za-z ,.'-]*?)[;.]/g)].map(
        ([, country]) => country!,
      ),
    });
  }
  for (const { fields, line } of recordsOf(alt, altFields, 'alt.csv')) {
    const entry = entries.get(fields[0]!);
    if (entry === undefined) throw new BrokenList(`alt.csv:${line}: sdn.csv has no ${fields[0]}`);
    if (fields[3] !== '') entry.names.push(fields[3]!);
  }
  if (entries.size === 0) throw new BrokenList('sdn.csv is empty');
  return [...entries.values()];
}

function recordsOf(text: string, width: number, file: string) {
  return parseCsv(text).map(({ fields, line, isWhole }) => {
    const entryId = fields[0] ?? '';
    if (!isWhole) throw new BrokenList(`${file}:${line}: a quotation is not closed`);
    if (fields.length !== width) {
      throw new BrokenList(`${file}:${line}: ${fields.length} fields instead of ${width}`);
    }
    if (!/^\d+$/.test(entryId)) throw new BrokenList(`${file}:${line}: no number of an entry`);
    return { line, fields: fields.map((field) => (field === '-0-' ? '' : field)) };
  });
}

/** "DOB 12 Mar 1960; alt. DOB circa 1961; DOB 1962 to 1964" */
function birthYearsOf(remarks: string): number[] {
  const years = new Set<number>();
  for (const [, text] of remarks.matchAll(/\bDOB ([^;.]*)/g)) {
    const named = [...text!.matchAll(/\b(1[89]\d\d|20\d\d)\b/g)].map(([year]) => Number(year));
    const [first, last] = [Math.min(...named), Math.max(...named)];
    for (let year = first; year <= last && year < first + 20; year += 1) years.add(year);
  }
  return [...years];
}
