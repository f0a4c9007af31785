import { describe, expect, test } from 'vitest';
import { toLatin } from './letters.ts';
import { createNameIndexBuilder, type NameQuery } from './name-index.ts';
import type { ListEntry } from './sdn.ts';
import { distance, soundOf } from './tokens.ts';

const person = (name: string, more: Partial<ListEntry> = {}): ListEntry => ({
  entryId: name,
  kind: 'PERSON',
  names: [name],
  programs: [],
  birthYears: [],
  countries: [],
  ...more,
});
const company = (name: string): ListEntry => ({ ...person(name), kind: 'ENTITY' });

/** Invented, but for the manner. */
const list = [
  person('KASPAROVSKY, Vladimir Vladimirovich', { birthYears: [1952], countries: ['Freedonia'] }),
  person('AL-MUSTAAR, Mohammed Yusuf'),
  person('AL-DARWISHI, Ahmed'),
  person('ABDUL RAHMAN, Khalid'),
  person('PAPADOPOULIDIS, Georgios'),
  person('XIANLONG, Wei'),
  person('MUELLER, Jürgen'),
  company('PETRICHOR MARITIME TRADING LLC'),
  company('CORPORATION FOR FOREIGN CORP TRADE CO LTD'),
  company('GREY HERON SHIPPING COMPANY'),
  company('HAWKSBILL'),
  company('COMPANY LTD'),
];

const builder = createNameIndexBuilder();
for (const entry of list) builder.add(entry);
const index = builder.finish();

function best(name: string, more: Partial<NameQuery> = {}) {
  const query = { name, kind: undefined, birthYear: 0, country: undefined, scoreMin: 80, ...more };
  const [match] = index.search(query, 5);
  return match === undefined ? undefined : { name: match.name, score: match.score, match };
}

describe('a name is found', () => {
  test.each([
    ['in any order', 'Vladimir Vladimirovich Kasparovsky', 100],
    ['without the names that nobody uses', 'Vladimir Kasparovsky', 88],
    ['with a letter that is wrong', 'Vladimir Kasparofsky', 85],
    ['with a letter that is missing', 'Vladmir Kasparovsky', 85],
    ['with two letters that are swapped', 'Vladimir Kasaprovsky', 85],
    ['in Cyrillic', 'Владимир Владимирович Каспаровский', 90],
    ['in Greek', 'Γεώργιος Παπαδοπουλίδης', 85],
    ['in Arabic', 'أحمد الدرويشي', 85],
    ['as others write it in Latin letters', 'Muhammad Yousef Al Mustar', 85],
    ['with two parts written as one', 'Khaled Abdulrahman', 85],
    ['with marks or without', 'Jurgen Muller', 85],
    ['without what the company is', 'Petrichor Maritime Trading', 95],
    ['with another word for what the company is', 'Petrichor Maritime Trading GmbH', 90],
    ['of one word', 'Hawksbill', 100],
  ])('%s: %s', (_, name, least) => {
    expect(best(name)?.score).toBeGreaterThanOrEqual(least);
  });
});

describe('a name is not found', () => {
  test.each([
    ['which is only what companies are', 'Corp'],
    ['which is only what companies are, as is one of the list', 'Company Ltd'],
    ['which is only what joins names', 'al bin von der'],
    ['of which only the given name is like one', 'Vladimir Ivanov'],
    ['of which only the given names are like some', 'Mohammed Ahmed'],
    ['which has one word of a company', 'Trading Partners Nord'],
    ['of a person who is called like a ship', 'Heron Grey Miller Johnson'],
    ['which is a part of another word', 'Hawk'],
    ['which is short and two letters apart', 'Wang Weimin'],
    ['of letters that no table has', '李显龙'],
  ])('%s: %s', (_, name) => {
    expect(best(name)).toBeUndefined();
  });
});

test('what is left over counts on both sides', () => {
  const whole = best('Petrichor Maritime Trading LLC')!.score;
  const more = best('Petrichor Maritime Trading Bicycles Bakery LLC', { scoreMin: 1 })!.score;
  const less = best('Petrichor Trading', { scoreMin: 1 })!.score;
  expect(whole).toBe(100);
  expect(more).toBeLessThan(80);
  expect(less).toBeLessThan(90);
});

test('a match says which parts are like', () => {
  expect(best('Kasparofsky Vladimir')!.match.matchedTokens).toEqual(['kasparovsky', 'vladimir']);
});

test('another year of birth and another country speak against a match, unknown ones do not', () => {
  const score = (more: Partial<NameQuery>) =>
    best('Vladimir Vladimirovich Kasparovsky', { scoreMin: 1, ...more })!.score;
  expect(score({ birthYear: 1953, country: 'Freedonia' })).toBe(100);
  expect(score({ birthYear: 1990 })).toBe(80);
  expect(score({ country: 'Nowhere that the list names' })).toBe(100);
});

test('a company is not looked for among people', () => {
  expect(best('Hawksbill', { kind: 'PERSON' })).toBeUndefined();
  expect(best('Hawksbill', { kind: 'ENTITY' })).toMatchObject({ score: 100 });
});

test('a country that the list names for somebody else speaks against a match', () => {
  const own = createNameIndexBuilder();
  own.add(person('DOE, Jane', { countries: ['Freedonia'] }));
  own.add(person('ROE, Richard', { countries: ['Sylvania'] }));
  const query = { name: 'Jane Doe', kind: undefined, birthYear: 0, scoreMin: 1 };
  const [match] = own.finish().search({ ...query, country: 'Sylvania' }, 1);
  expect(match!.score).toBe(95);
});

test('letters of other scripts have Latin ones', () => {
  expect(toLatin('Щербаков Юрий')).toBe('shcherbakov yurii');
  expect(toLatin('Ελευθέριος Μπακογιάννης')).toBe('elevtherios bakogiannis');
  expect(toLatin('O’Neill-Łukasz  Größe')).toBe('oneill lukasz grosse');
});

test('names that are said alike sound alike', () => {
  for (const other of ['muhammad', 'mohamed', 'mohammad']) {
    expect(soundOf(other)).toBe(soundOf('mohammed'));
  }
  expect(soundOf('yevgeny')).toBe(soundOf('evgeniy'));
  expect(soundOf('ahmed')).not.toBe(soundOf('hamad'));
});

test('a distance counts what was inserted, left out, replaced and swapped', () => {
  expect(distance('martha', 'marhta', 3)).toBe(1);
  expect(distance('kitten', 'sitting', 3)).toBe(3);
  expect(distance('abc', 'xyz', 1)).toBe(2);
});
