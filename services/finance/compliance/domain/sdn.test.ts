import { expect, test } from 'vitest';
import { parseCsv } from './csv.ts';
import { BrokenList, parseSdn } from './sdn.ts';

const nothing = '-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ';
const company = (id: number, name: string) => `${id},"${name}",-0- ,"INVENTED",${nothing},-0- `;

test('entries are read as OFAC writes them, with their other names', () => {
  const remarks =
    'DOB 12 Mar 1961; alt. DOB 1963 to 1965; nationality Freedonia; citizen Sylvania.';
  const sdn = [
    `7,"INVENTED, Ivan ""The Cook""","individual","SDGT] [IRGC",${nothing},"${remarks}"`,
    company(36, 'ANYBODY, NOBODY & SONS'),
  ];
  const alt = '36,1,"aka","ANYONE\u00E9 CO.",-0- \r\n36,2,"fka",-0- ,-0- \r\n';
  expect(parseSdn(`\uFEFF${sdn.join('\r\n')}\r\n\u001A`, alt)).toEqual([
    {
      entryId: '7',
      kind: 'PERSON',
      names: ['INVENTED, Ivan "The Cook"'],
      programs: ['SDGT', 'IRGC'],
      birthYears: [1961, 1963, 1964, 1965],
      countries: ['Freedonia', 'Sylvania'],
    },
    {
      entryId: '36',
      kind: 'ENTITY',
      names: ['ANYBODY, NOBODY & SONS', 'ANYONE\u00E9 CO.'],
      programs: ['INVENTED'],
      birthYears: [],
      countries: [],
    },
  ]);
});

test('a field goes over lines where it is quoted, and is empty where nothing is', () => {
  expect(parseCsv('1,"a\nb",\n\n"2", c ,""\n')).toEqual([
    { fields: ['1', 'a\nb', ''], line: 1, isWhole: true },
    { fields: ['2', 'c', ''], line: 4, isWhole: true },
  ]);
});

const good = `${company(1, 'ONE')}\n${company(2, 'TWO')}\n`;
const broken: [what: string, sdn: string, alt: string, where: string][] = [
  ['nothing', '', '', 'sdn.csv is empty'],
  ['a page of HTML', '<html><body>503</body></html>', '', 'sdn.csv:1: 1 fields instead of 12'],
  ['half a line', good.slice(0, -20), '', 'sdn.csv:2: 9 fields'],
  ['a quotation that nobody closes', `${good}3,"THREE,-0- `, '', 'sdn.csv:3: a quotation'],
  ['a header', `ent_num,${good}`, '', 'sdn.csv:1: 13 fields'],
  ['an entry that is there twice', good + company(1, 'ONE'), '', 'sdn.csv:3: 1 is there twice'],
  ['an entry without a name', company(1, ''), '', 'sdn.csv:1: 1 has no name'],
  ['names of an older list', good, '9,1,"aka","NINE",-0- ', 'alt.csv:1: sdn.csv has no 9'],
  ['half of the names', good, '1,1,"aka"', 'alt.csv:1: 3 fields instead of 5'],
];

test.each(broken)('%s is no list', (_, sdn, alt, where) => {
  expect(() => parseSdn(sdn, alt)).toThrow(BrokenList);
  expect(() => parseSdn(sdn, alt)).toThrow(where);
});
