/** The parts of a name, what they weigh, and how like two of them are. Pure. */

/** What companies are; says nothing about which. */
const suffixes = words(
  'ab ag as bv bhd cia co company corp corporation cv doo eurl fze fzco fzc fzllc gmbh inc incorporated jsc kft kg ' +
    'lda limitada limited llc llp lp ltd ltda mbh nv oao ojsc ooo ou oy oyj pao pc pjsc plc pllc pt pte pty pvt sa ' +
    'sab sae sal sarl sas sdn se sl spa sp srl sro tbk zao',
);

/** What joins the parts of a name, or honours who has it. */
const particles = words(
  'abu al and bin bint da de del della der di dos dr du el haji hajji ibn la le mr mrs ms of sheikh the ul und van ' +
    'von y',
);

/** A part that every other name may have says little. */
const suffixWeight = 0.1;
const particleWeight = 0.3;
/** The least that a common name weighs, where one that is nobody else's weighs 1. */
const commonWeight = 0.4;

/** Whether a part says something about whose name it is: no score is made of the others alone. */
export function isTelling(token: string): boolean {
  return !suffixes.has(token) && !particles.has(token);
}

/** What a part weighs, of which `count` of `total` names have one. */
export function weightOf(token: string, count: number, total: number): number {
  if (suffixes.has(token)) return suffixWeight;
  if (particles.has(token)) return particleWeight;
  if (count <= 1 || total <= 1) return 1;
  return commonWeight + (1 - commonWeight) * (1 - Math.log(count) / Math.log(total));
}

/** Letters that languages write differently and say alike, in the order in which they are replaced. */
const alike: readonly [from: RegExp, to: string][] = [
  [/^ye|^je/, 'e'],
  [/ph/g, 'f'],
  [/sch|sh/g, 's'],
  [/kh|gh/g, 'h'],
  [/ck|q|c(?!h)/g, 'k'],
  [/th|dh/g, 't'],
  [/zh/g, 'j'],
  [/w/g, 'v'],
  [/x/g, 'ks'],
  [/z/g, 's'],
  [/d$/g, 't'],
  [/^[aeiouy]+/, 'A'],
  [/[aeiouy]/g, ''],
  [/(.)\1+/g, '$1'],
];

/** How a part sounds: its consonants, and whether it begins with a vowel. Arabic writes no more than that. */
export function soundOf(token: string): string {
  return alike.reduce((text, [from, to]) => text.replace(from, to), token);
}

/** Consonants that must be alike at least: of fewer almost everything is. */
const soundLengthMin = 3;
const soundLikeness = 0.9;

/** How like two parts are, from 0 to 1: the same, said alike, or one or two letters apart. */
export function likeness(a: { text: string; sound: string }, b: { text: string; sound: string }) {
  if (a.text === b.text) return 1;
  const isAlike = a.sound === b.sound && a.sound.length >= soundLengthMin;
  return Math.max(isAlike ? soundLikeness : 0, spelling(a.text, b.text));
}

/** One letter in four may be wrong, two in eight; each costs less the longer the part is. */
function spelling(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  const allowed = shorter >= 8 ? 2 : shorter >= 4 ? 1 : 0;
  if (Math.abs(a.length - b.length) > allowed) return 0;
  const apart = distance(a, b, allowed);
  if (apart > allowed) return 0;
  return 1 - (apart === 1 ? 0.6 : 1.6) / Math.max(a.length, b.length);
}

/** Longer than any part of a name; what is beyond it is not compared. */
const lettersMax = 200;
/** The rows of the table that `distance` fills, the present one and the two before: made once, for it is asked often. */
const rows = [0, 1, 2].map(() => new Uint8Array(lettersMax + 1)) as [Row, Row, Row];

type Row = Uint8Array;

/** Letters to insert, remove, replace or swap with the next; more than `max` is answered as max + 1. */
export function distance(a: string, b: string, max: number): number {
  let [before, row, next] = rows;
  const width = Math.min(b.length, lettersMax);
  for (let j = 0; j <= width; j += 1) row[j] = j;
  for (let i = 1; i <= Math.min(a.length, lettersMax); i += 1) {
    next[0] = i;
    let least = i;
    for (let j = 1; j <= width; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let value = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwapped) value = Math.min(value, before[j - 2]! + 1);
      next[j] = value;
      least = Math.min(least, value);
    }
    if (least > max) return max + 1;
    [before, row, next] = [row, next, before];
  }
  return row[width]!;
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}
