/** Names of any script in plain Latin letters, as far as tables go. Pure. */

/** A letter and what stands for it, as passports and OFAC write it. */
const letters: Readonly<Record<string, string>> = {
  ...table('абвгдежзиклмнопрстуфхцчшщъыьэюя', [
    ...'a b v g d e zh z i k l m n o p r s t u f kh ts ch sh shch  y  e yu ya'.split(' '),
  ]),
  ...table('ієґјљњћђџ', 'i e g j lj nj c dj dz'.split(' ')),
  ...table('αβγδεζηθικλμνξοπρσςτυφχψω', [
    ...'a v g d e z i th i k l m n x o p r s s t y f ch ps o'.split(' '),
  ]),
  ...table('ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءپچگکیڤ', [
    ...'a b t th j h kh d dh r z s sh s d t z a gh f q k l m n h w y a a'.split(' '),
    ...' p ch g k y v'.split(' '),
  ]),
  ...table('ßøłđæœþðıħ', 'ss o l d ae oe th d i h'.split(' ')),
};

/** Greek vowels that are read as one. */
const pairs: readonly [from: RegExp, to: string][] = [
  [/ου/g, 'u'],
  [/μπ/g, 'b'],
  [/γγ/g, 'ng'],
  [/ευ/g, 'ev'],
  [/αυ/g, 'av'],
];

/** What the Arabic article is written as before a name: "ال" and the name are two words in Latin letters. */
const article = /(^|\s)ال(?=\p{Script=Arabic}{2})/gu;

/**
 * A name in small Latin letters, digits and spaces. Marks are dropped; a letter that no table has stays as it is, so that a
 * name of such letters is like itself and no other.
 */
export function toLatin(name: string): string {
  let text = name.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
  text = text.replaceAll(article, '$1al ');
  for (const [from, to] of pairs) text = text.replaceAll(from, to);
  let latin = '';
  for (const letter of text) latin += letters[letter] ?? letter;
  return latin
    .replaceAll(/['’‘ʼ`´]/g, '')
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

function table(from: string, to: readonly string[]): Record<string, string> {
  return Object.fromEntries([...from].map((letter, i) => [letter, to[i] ?? '']));
}
