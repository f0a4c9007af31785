/** Page tokens and cursors come from the mesh: one that somebody made up is refused, not read. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { uuidv7 } from '#kit/ids.ts';
import { type Asker, createAsker } from '../support/any-method.ts';
import { positionFields, readPositions } from '../support/foreign/positions.ts';
import type { Owner } from '../support/owner.ts';
import { startWorld, type World } from '../support/world.ts';

let world: World;
let owner: Owner;
let ask: Asker;
let positions: Awaited<ReturnType<typeof readPositions>>;

beforeAll(async () => {
  world = await startWorld();
  owner = await world.owner('somebody-with-lists', 1n);
  ask = createAsker(world.network);
  positions = await readPositions(ask, owner);
});
afterAll(() => world.stop());

const madeUp = ['', "'", 'x', '-1', '9'.repeat(30), '\u0000', uuidv7().slice(1)];

test.each(positionFields)('$title: one that somebody made up is refused', async (one) => {
  const { subject, field } = one;
  // Of the right list, and at no place of it.
  const { token: made, query: asked } = positions.get(field)!;
  const [query] = JSON.parse(Buffer.from(made, 'base64url').toString());
  for (const position of madeUp) {
    const token = Buffer.from(JSON.stringify([query, position])).toString('base64url');
    const { refusal } = await ask(subject, owner, { ...asked, [field.localName]: token });
    expect(refusal?.reason, position).toBe('INVALID_PAGE_TOKEN');
  }
});
