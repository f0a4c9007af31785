/**
 * The URIs among a certificate's subject alternative names, given as Node gives them (`subjectaltname`). A name that had
 * to be quoted is left out, for no SPIFFE id needs that; of a text that cannot be read whole, nothing is believed.
 */
export function uriNamesOf(subjectAltName: string | undefined): string[] {
  if (subjectAltName === undefined) return [];
  const names: string[] = [];
  let end = 0;
  for (const match of subjectAltName.matchAll(entry)) {
    end = match.index + match[0].length;
    const { kind, name } = match.groups as { kind: string; name: string };
    if (kind === 'URI' && !name.startsWith('"')) names.push(name);
  }
  return end === subjectAltName.length ? names : [];
}

/** One name of a certificate as Node writes them: `URI:spiffe://…, DNS:…`, and quoted when it holds anything odd. */
const entry = /(?:^|, )(?<kind>[^:,"]+):(?<name>"(?:[^"\\]|\\.)*"|[^,"]*)/gy;
