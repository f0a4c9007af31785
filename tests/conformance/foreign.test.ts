/** Nobody reads or changes what is another person's, nor learns that it is there: not by any method, at any door. */
import type { DescField } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuidv7 } from '#kit/ids.ts';
import {
  type Asker,
  allMethods,
  anyClient,
  createAsker,
  type Outcome,
  type Subject,
} from '../support/any-method.ts';
import {
  type LeftOut,
  readContents,
  rememberedRefusals,
  rowsOf,
  triedPasswords,
} from '../support/contents.ts';
import {
  type ForeignRequest,
  type Name,
  type Naming,
  requestsNaming,
  requestsNamingNothing,
} from '../support/foreign.ts';
import { type Owner, providerEvent } from '../support/owner.ts';
import { type Init, uuidFields } from '../support/requests.ts';
import { refusalText } from '../support/secrecy.ts';
import { type Stranger, startWorld, type World } from '../support/world.ts';

const gateway = 'platform.gateway';
const methods = allMethods();

let world: World;
let owner: Owner;
let bystander: Stranger;
let ask: Asker;
/** Positions in the owner's lists, by method and field. */
const positions = new Map<string, string>();

beforeAll(async () => {
  world = await startWorld();
  owner = await world.owner('canary-of-the-owner', 3_557n);
  bystander = await world.newcomer();
  ask = createAsker(world.network);
  for (const subject of methods.filter(({ policy }) => policy.audience === 'user')) {
    for (const field of subject.method.input.fields.filter(({ name }) => isPosition(name))) {
      positions.set(positionKey(subject, field), await positionOf(subject, field));
    }
  }
});
afterAll(() => world.stop());

/** Names that are nobody's in particular, and why. */
const ownerless: Record<string, string> = {
  product_id: 'the catalogue is open to everybody',
  event_id: 'an event that was given up is for staff, who see them all',
};

/** What to do when the owner lacks something. */
const whereToAdd = 'add to tests/support/belongings/<domain>-<service>.ts';

const isPosition = (name: string) => name === 'page_token' || name === 'cursor';
const positionKey = ({ title }: Subject, { name }: DescField) => `${title} ${name}`;

/** Where the second page of the owner's list begins, or their stream goes on. */
async function positionOf(subject: Subject, { name }: DescField): Promise<string> {
  const { answer } = await ask(subject, owner, { pageSize: 1 });
  const { nextPageToken, cursor } = answer as { nextPageToken?: string; cursor?: string };
  const position = name === 'cursor' ? cursor : nextPageToken;
  if (position) return position;
  throw new Error(`${subject.title} lists less than two things of the owner: ${whereToAdd}`);
}

/** What a field names, by its name alone, so that a new method is held to this on the day it is written. */
const naming = /^(.+_id|page_token|cursor|email|payload|signature)$/;

function namesOf(
  subject: Subject,
  field: DescField,
  whose: Owner = owner,
): readonly Name[] | undefined {
  const kind = field.name.replace(/_ids$/, '_id');
  if (!naming.test(kind) || ownerless[kind] !== undefined) return undefined;
  if (isPosition(kind)) {
    // What everybody or only staff may list is not a person's.
    const theirs = positions.get(positionKey(subject, field));
    if (theirs === undefined) return undefined;
    return [whose === owner ? { theirs, nobodys: 'AAAA' } : { theirs: '', nobodys: '' }];
  }
  if (kind === 'signature') {
    // As the provider's, but for the secret.
    const forged = `t=${Math.floor(world.network.clock.now() / 1_000)},v1=${'0'.repeat(64)}`;
    return [{ theirs: forged, nobodys: forged }];
  }
  const names = whose.names[kind];
  if (names === undefined) {
    throw new Error(
      `${field.parent.typeName} names things by ${field.name}, and the owner has none: ` +
        `${whereToAdd}, or to ownerless here with the reason`,
    );
  }
  return names.map((theirs) => ({ theirs, nobodys: unknown(kind) }));
}

function unknown(kind: string): string | Uint8Array {
  if (kind === 'payload') return providerEvent(uuidv7());
  return kind === 'email' ? `${uuidv7()}@example.com` : uuidv7();
}

/** Methods that do tell what is there, and why. */
const telling: Record<string, string> = {
  CreateUser: 'whoever signs up must learn that the address is taken',
};

/** All that a caller was told, with a word in the place of each name that the caller gave. */
function told({ refusal, answer }: Outcome, { named }: Naming): string {
  const text = refusal ? refusalText(refusal) : (JSON.stringify(answer, stringifyBig) ?? 'nothing');
  return named.reduce((rest, [field, value]) => rest.replaceAll(value, `<${field}>`), text);
}

/** What of the owner's shows in an outcome, beyond what the caller brought along. */
function tracesIn({ refusal, answer }: Outcome, request: Init): string[] {
  const text = `${refusal && refusalText(refusal)} ${JSON.stringify(answer, stringifyBig)}`;
  const brought = JSON.stringify(request, stringifyBig);
  return owner.traces.filter((trace) => text.includes(trace) && !brought.includes(trace));
}

function stringifyBig(_: string, value: unknown) {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Methods that count the passwords that are tried, be it by repeating a request. */
const counting = new Set(['Authenticate', 'ChangePassword', 'CreateUser']);

const triedBy = ({ method }: Subject): LeftOut => (counting.has(method.name) ? triedPasswords : {});

async function expectNoEffect(leftOut: LeftOut, work: () => Promise<void>): Promise<void> {
  const { network } = world;
  await network.settle();
  const before = await readContents(network.sql, leftOut);
  await work();
  await network.settle();
  expect(await readContents(network.sql, leftOut)).toEqual(before);
}

const calls = methods.flatMap((subject) =>
  (subject.isOps ? [subject.target] : [subject.target, gateway]).map((door) => ({
    subject,
    door,
    title: `${subject.title} at ${door === gateway ? 'the gateway' : 'the service'}`,
  })),
);

type Call = (typeof calls)[number];
const ofPeople = calls.filter(({ subject }) => subject.policy.audience === 'user');

describe('somebody else', () => {
  test.each(calls)(
    '$title: who names what is the owner’s hears that it is not there',
    async (call) => {
      const { subject, door } = call;
      // Where nobody is let in one stranger will do; else each is new, so that no rate limit mixes in.
      const isOpen = ['user', 'public'].includes(subject.policy.audience);
      const stranger = isOpen ? await world.newcomer() : bystander;
      const about = foreignTo(subject).filter(({ fields }) =>
        fields.some((f) => f !== 'request_id'),
      );
      const outcomes: Outcome[] = [];
      await expectNoEffect({ ...rememberedRefusals, ...triedBy(subject) }, async () => {
        for (const { theirs } of about) {
          outcomes.push(await ask(subject, stranger, theirs.request, door));
        }
      });
      for (const [i, { what, theirs, nobodys }] of about.entries()) {
        expect(tracesIn(outcomes[i]!, theirs.request), what).toEqual([]);
        if (telling[subject.method.name] !== undefined) continue;
        const other = await ask(subject, stranger, nobodys.request, door);
        expect(told(outcomes[i]!, theirs), what).toBe(told(other, nobodys));
      }
    },
  );

  test.each(ofPeople)(
    '$title: who asks for all there is gets their own, changes their own',
    async (call) => {
      const { subject } = call;
      const own = requestsNamingNothing(subject.method.input, (field) => namesOf(subject, field));
      // Ids of requests are made by callers, so those of two people may be the same.
      const alike = foreignTo(subject).filter(({ fields }) => fields.join() === 'request_id');
      for (const request of [...own, ...alike.map(({ theirs }) => theirs.request)]) {
        const stranger = await world.newcomer();
        await expectNoEffect({ ...rowsOf(stranger.id), ...triedBy(subject) }, async () => {
          // Whoever changes their password knows it.
          const { password: currentPassword } = stranger;
          const known = 'currentPassword' in request ? { ...request, currentPassword } : request;
          for await (const outcome of pagesOf(call, stranger, known)) {
            expect(tracesIn(outcome, request)).toEqual([]);
            expect(outcome.refusal?.reason).not.toBe('REQUEST_ID_REUSED');
            expect(largestCount(outcome)).toBeLessThan(2);
          }
        });
      }
    },
  );
});

/** The largest count of an answer: a stranger has one session and nothing else, the owner more than one of each. */
function largestCount({ answer }: Outcome): number {
  const counts = Object.entries(answer ?? {}).filter(([name]) => name.endsWith('Count'));
  return Math.max(0, ...counts.map(([, count]) => Number(count)));
}

/** How a call ends; where it answers with a page, all that follow. */
async function* pagesOf({ subject, door }: Call, who: Stranger, request: Init) {
  let pageToken = '';
  do {
    const outcome = await ask(subject, who, pageToken ? { ...request, pageToken } : request, door);
    yield outcome;
    pageToken = (outcome.answer as { nextPageToken?: string } | undefined)?.nextPageToken ?? '';
  } while (pageToken !== '');
}

function foreignTo(subject: Subject) {
  return requestsNaming(subject.method.input, (field) => namesOf(subject, field));
}

/** Opens a stream about the things of its listener, and hears all of it from then on. */
async function openStream({ subject, door, title }: Call, listener: Owner) {
  const { method } = subject;
  const names = (field: DescField) => namesOf(subject, field, listener);
  const [{ theirs }] = requestsNaming(method.input, names) as [ForeignRequest];
  const call = anyClient(world.network, method.parent, door)[method.localName]!;
  const stop = new AbortController();
  const heard: Outcome[] = [];
  const over = (async () => {
    const options = { headers: listener.headers, signal: stop.signal };
    const answers = call(theirs.request, options) as AsyncIterable<unknown>;
    for await (const answer of answers) heard.push({ answer });
  })().catch((error) => expect(error).toMatchObject({ code: 'cancelled' }));
  await expect.poll(() => heard.length, { message: title }).toBe(1);
  return {
    title,
    heard,
    traces: () => heard.flatMap((outcome) => tracesIn(outcome, theirs.request)),
    async close() {
      stop.abort();
      await over;
    },
  };
}

test('a stream tells nobody what happens to somebody else', async () => {
  const listener = await world.owner('who-listens', 1n);
  const streaming = ofPeople.filter(({ subject }) => subject.method.methodKind !== 'unary');
  const streams = await Promise.all(streaming.map((call) => openStream(call, listener)));
  await owner.stir();
  await listener.stir();
  for (const { title, heard, traces } of streams) {
    await expect.poll(() => heard.length, { message: title }).toBeGreaterThan(1);
    expect(traces(), title).toEqual([]);
  }
  await Promise.all(streams.map(({ close }) => close()));
});

const paged = methods.flatMap((subject) =>
  subject.policy.audience !== 'user'
    ? []
    : subject.method.input.fields
        .filter(({ name }) => isPosition(name))
        .map((field) => ({ title: positionKey(subject, field), subject, field })),
);

test.each(paged)(
  '$title: one that somebody made up is refused',
  async ({ title, subject, field }) => {
    const [query] = JSON.parse(Buffer.from(positions.get(title)!, 'base64url').toString());
    for (const position of ['', "'", 'x', '-1', '9'.repeat(30), '\u0000', uuidv7().slice(1)]) {
      const token = Buffer.from(JSON.stringify([query, position])).toString('base64url');
      const { refusal } = await ask(subject, owner, { [field.localName]: token });
      expect(refusal?.reason, position).toBe('INVALID_PAGE_TOKEN');
    }
  },
);

test('the owner has something in every table that says whose its rows are', async () => {
  const { sql } = world.network;
  const tables = await sql`
    select table_schema as schema, table_name as name from information_schema.columns
    where column_name = 'user_id'`;
  const empty: string[] = [];
  for (const { schema, name } of tables) {
    const rows = await sql`
      select from ${sql(schema)}.${sql(name)} where user_id = ${owner.id} limit 1`;
    if (rows.length === 0) empty.push(`${schema}.${name}`);
  }
  expect(tables.length).toBeGreaterThan(5);
  expect(empty, `tables without a row of the owner: ${whereToAdd}`).toEqual([]);
});

test('a field that holds an id says so by its name, or nobody would look here for whose it is', () => {
  const fields = methods.flatMap(({ method }) => uuidFields(method.input));
  expect(fields.length).toBeGreaterThan(50);
  const odd = fields.filter(({ name }) => !/_ids?$/.test(name));
  expect(odd.map(({ parent, name }) => `${parent.typeName}.${name}`)).toEqual([]);
});
