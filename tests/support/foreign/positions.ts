/** Places in the lists and streams of a person, which page tokens and cursors name. */
import type { DescField } from '@bufbuild/protobuf';
import { type Asker, allMethods, type Subject } from '../any-method.ts';
import { whereToAdd } from '../belongings.ts';
import type { Owner } from '../owner.ts';
import type { Init } from '../requests/good.ts';
import { type NamesOf, requestsNaming, requestsNamingNothing } from '../requests/naming.ts';
import { isPosition, namesOf } from './names.ts';

/** A field of a method that people may call; what others list is no person's. */
export interface PositionField {
  /** "commerce.order OrderService/ListOrders page_token" */
  title: string;
  subject: Subject;
  field: DescField;
}

export const positionFields: readonly PositionField[] = allMethods()
  .filter(({ policy }) => policy.audience === 'user')
  .flatMap((subject) =>
    subject.method.input.fields
      .filter(isPosition)
      .map((field) => ({ title: `${subject.title} ${field.name}`, subject, field })),
  );

/** Where a list or a stream goes on, and with which query. */
export interface Position {
  token: string;
  query: Init;
}

/** Answers where the second page of each of the owner's lists begins, or their stream goes on. */
export async function readPositions(ask: Asker, owner: Owner) {
  const positions = new Map<DescField, Position>();
  const names = namesOf(owner, () => '');
  for (const { title, subject, field } of positionFields) {
    // In every other field as somebody else will ask: a token counts for one query alone. What lists the inside of a thing
    // has to name it.
    const [plain] = requestsNamingNothing(subject.method.input, names);
    const [named] = requestsNaming(subject.method.input, exceptPositions(names));
    const queries = [plain!, { ...named?.theirs.request, [field.localName]: '' }];
    const { query, answer } = await firstAnswered(ask, subject, owner, queries);
    const { nextPageToken, cursor } = answer as { nextPageToken?: string; cursor?: string };
    const token = field.name === 'cursor' ? cursor : nextPageToken;
    if (!token) throw new Error(`${title}: less than two things of the owner, ${whereToAdd}`);
    positions.set(field, { token, query });
  }
  return positions;
}

async function firstAnswered(ask: Asker, subject: Subject, owner: Owner, queries: Init[]) {
  for (const query of queries) {
    const { answer } = await ask(subject, owner, { ...query, pageSize: 1 });
    if (answer !== undefined) return { query, answer };
  }
  throw new Error(`${subject.title}: a list that its owner is refused`);
}

function exceptPositions(names: NamesOf): NamesOf {
  return (field) => (isPosition(field) ? undefined : names(field));
}
