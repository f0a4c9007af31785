/** Comma-separated values, with quotation marks, as RFC 4180 has them. Pure. */

/** One record, and the line on which it begins, from 1. */
export interface CsvRecord {
  /** Without spaces around them. */
  readonly fields: readonly string[];
  readonly line: number;
  /** False where the text ends within quotation marks. */
  readonly isWhole: boolean;
}

/** A field and what ends it; in a quoted one a quotation mark is written twice. */
const field = /[ \t]*(?:"([^"]*(?:""[^"]*)*)("?)[^,\r\n]*|([^,\r\n]*))(,|\r?\n|\r|$)/y;

/** Reads all records; empty lines, and the control character that ended files once, are none. */
export function parseCsv(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  const begun = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const trimmed = begun.trimEnd();
  const whole = trimmed.endsWith('\u001A') ? trimmed.slice(0, -1) : begun;
  let line = 1;
  let at = 0;
  while (at < whole.length) {
    const begunAt = line;
    const fields: string[] = [];
    let isWhole = true;
    let end = ',';
    while (end === ',') {
      field.lastIndex = at;
      const [matched, quoted, mark, plain = '', ended] = field.exec(whole)!;
      at += matched.length;
      line += matched.split('\n').length - 1;
      if (quoted !== undefined && mark === '') isWhole = false;
      fields.push((quoted?.replaceAll('""', '"') ?? plain).trim());
      end = ended!;
    }
    if (fields.length > 1 || fields[0] !== '') records.push({ fields, line: begunAt, isWhole });
  }
  return records;
}
