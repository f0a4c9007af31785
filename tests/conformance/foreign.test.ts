/** Nobody reads or changes what is another person's, nor learns that it is there: not by any method, at any door. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Asker,
  allMethods,
  createAsker,
  type Outcome,
  type Subject,
} from '../support/any-method.ts';
import {
  expectNoEffect,
  type LeftOut,
  rememberedRefusals,
  rowsOf,
  toldOfEntries,
  triedPasswords,
} from '../support/contents.ts';
import { namesOf } from '../support/foreign/names.ts';
import { readPositions } from '../support/foreign/positions.ts';
import { largestCount, told, tracesIn } from '../support/foreign/told.ts';
import type { Owner } from '../support/owner.ts';
import type { Init } from '../support/requests/good.ts';
import {
  type ForeignRequest,
  type NamesOf,
  requestsNaming,
  requestsNamingNothing,
} from '../support/requests/naming.ts';
import { type Stranger, startWorld, type World } from '../support/world.ts';

let world: World;
let owner: Owner;
let bystander: Stranger;
let ask: Asker;
let names: NamesOf;

beforeAll(async () => {
  world = await startWorld();
  owner = await world.owner('canary-of-the-owner', 3_557n);
  bystander = await world.newcomer();
  ask = createAsker(world.network);
  const positions = await readPositions(ask, owner);
  names = namesOf(owner, (field) => positions.get(field)?.token);
});
afterAll(() => world.stop());

const gateway = 'platform.gateway';
const calls = allMethods().flatMap((subject) =>
  (subject.isOps ? [subject.target] : [subject.target, gateway]).map((door) => ({
    subject,
    door,
    title: `${subject.title} at ${door === gateway ? 'the gateway' : 'the service'}`,
  })),
);
const ofPeople = calls.filter(({ subject }) => subject.policy.audience === 'user');

/** Methods that do tell what is there, and why. */
const telling: Record<string, string> = {
  CreateUser: 'whoever signs up must learn that the address is taken',
};

/** Methods that count the passwords that are tried, be it by repeating a request. */
const counting = new Set(['Authenticate', 'ChangePassword', 'CreateUser']);
const triedBy = ({ method }: Subject): LeftOut => (counting.has(method.name) ? triedPasswords : {});

/** Whether it has nothing of the owner's but the id of a request: callers make those, so two people's may be the same. */
const isRepeat = ({ fields }: ForeignRequest) => fields.join() === 'request_id';

describe('somebody else', () => {
  test.each(calls)(
    '$title: who names what is the owner’s hears that it is not there',
    async ({ subject, door }) => {
      const { method, policy } = subject;
      // Where nobody is let in one stranger will do; else each is new, so that no rate limit mixes in.
      const isOpen = ['user', 'public'].includes(policy.audience);
      const stranger = isOpen ? await world.newcomer() : bystander;
      const about = requestsNaming(method.input, names).filter((one) => !isRepeat(one));
      const outcomes: Outcome[] = [];
      const leftOut = { ...rememberedRefusals, ...triedBy(subject) };
      await expectNoEffect(world.network, leftOut, async () => {
        for (const { theirs } of about) {
          outcomes.push(await ask(subject, stranger, theirs.request, door));
        }
      });
      for (const [i, { what, theirs, nobodys }] of about.entries()) {
        expect(tracesIn(outcomes[i]!, theirs.request, owner), what).toEqual([]);
        if (telling[method.name] !== undefined) continue;
        const other = await ask(subject, stranger, nobodys.request, door);
        expect(told(outcomes[i]!, theirs), what).toBe(told(other, nobodys));
      }
    },
  );

  test.each(ofPeople)(
    '$title: who asks for all there is gets their own, changes their own',
    async ({ subject, door }) => {
      const { input } = subject.method;
      const own = requestsNamingNothing(input, names);
      const alike = requestsNaming(input, names).filter(isRepeat);
      for (const request of [...own, ...alike.map(({ theirs }) => theirs.request)]) {
        const stranger = await world.newcomer();
        const leftOut = { ...rowsOf(stranger.id), ...toldOfEntries, ...triedBy(subject) };
        await expectNoEffect(world.network, leftOut, async () => {
          // Whoever changes their password knows it.
          const { password: currentPassword } = stranger;
          const known = 'currentPassword' in request ? { ...request, currentPassword } : request;
          const page = (more: Init) => ask(subject, stranger, { ...known, ...more }, door);
          for await (const outcome of pagesOf(page)) {
            expect(tracesIn(outcome, request, owner)).toEqual([]);
            expect(outcome.refusal?.reason).not.toBe('REQUEST_ID_REUSED');
            // A stranger has one session and nothing else, the owner more than one of each.
            expect(largestCount(outcome)).toBeLessThan(2);
          }
        });
      }
    },
  );
});

/** How a call ends; where it answers with a page, all that follow. */
async function* pagesOf(ask: (more: Init) => Promise<Outcome>): AsyncGenerator<Outcome> {
  let pageToken = '';
  do {
    const outcome = await ask(pageToken === '' ? {} : { pageToken });
    yield outcome;
    pageToken = (outcome.answer as { nextPageToken?: string } | undefined)?.nextPageToken ?? '';
  } while (pageToken !== '');
}
