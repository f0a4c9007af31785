/** Places in the lists and streams of a person, which page tokens and cursors name. */
import type { DescField } from '@bufbuild/protobuf';
import { type Asker, allMethods, type Subject } from '../any-method.ts';
import { whereToAdd } from '../belongings.ts';
import type { Owner } from '../owner.ts';
import { requestsNamingNothing } from '../requests/naming.ts';
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

/** Answers where the second page of each of the owner's lists begins, or their stream goes on. */
export async function readPositions(ask: Asker, owner: Owner) {
  const positions = new Map<DescField, string>();
  const names = namesOf(owner, () => '');
  for (const { title, subject, field } of positionFields) {
    // In every other field as somebody else will ask: a token counts for one query alone.
    const [query] = requestsNamingNothing(subject.method.input, names);
    const { answer } = await ask(subject, owner, { ...query, pageSize: 1 });
    const { nextPageToken, cursor } = answer as { nextPageToken?: string; cursor?: string };
    const position = field.name === 'cursor' ? cursor : nextPageToken;
    if (!position) throw new Error(`${title}: less than two things of the owner, ${whereToAdd}`);
    positions.set(field, position);
  }
  return positions;
}
