/** What the fields of requests name of a person. */
import type { DescField } from '@bufbuild/protobuf';
import { uuidv7 } from '#kit/ids.ts';
import { type Name, whereToAdd } from '../belongings.ts';
import type { Owner } from '../owner.ts';
import type { NamesOf } from '../requests/naming.ts';

/** What a field names, by its name alone, so that a new method is held to this on the day it is written. */
const naming = /^(.+_id|page_token|cursor|email|payload|signature)$/;

/** Names that are nobody's in particular, and why. */
const ownerless: Record<string, string> = {
  product_id: 'the catalogue is open to everybody',
  event_id: 'an event that was given up is for staff, who see them all',
  rule_id: 'rules of the bank are for staff, who see them all',
  case_id: 'and so are the cases of its analysts',
  assignee_id: 'and who works on them',
  entry_id: 'an entry of the audit log is for staff, who see them all',
  resource_id: 'a filter of the audit log, which is for staff',
  tax_id: 'everybody brings their own along; only staff look for one',
  subject_id: 'a person of whom only services say something to the audit log',
};

/** Whether a field holds a place in a list or a stream. */
export const isPosition = ({ name }: DescField) => name === 'page_token' || name === 'cursor';

/** How requests name what is the owner's; `positionOf` knows the places in their lists and streams. */
export function namesOf(
  owner: Owner,
  positionOf: (field: DescField) => string | undefined,
): NamesOf {
  return (field) => {
    const kind = field.name.replace(/_ids$/, '_id');
    if (!naming.test(kind) || ownerless[kind] !== undefined) return undefined;
    if (isPosition(field)) {
      // What everybody or only staff may list is not a person's.
      const theirs = positionOf(field);
      return theirs === undefined ? undefined : [{ theirs, nobodys: 'AAAA' }];
    }
    const names = owner.names[kind];
    if (names === undefined) throw new Error(unnamed(field));
    return names.map(
      (name): Name => (typeof name === 'string' ? { theirs: name, nobodys: uuidv7() } : name),
    );
  };
}

function unnamed({ parent, name }: DescField): string {
  return (
    `${parent.typeName} names things by ${name}, and the owner has none: ${whereToAdd}, ` +
    'or to ownerless in tests/support/foreign/names.ts with the reason'
  );
}
