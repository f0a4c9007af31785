import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isPublic } from '#services/platform/gateway/forward.ts';
import { registry } from '#services/registry.ts';
import {
  admitted,
  allMethods,
  type Caller,
  createCaller,
  type Subject,
  type Who,
} from '../support/any-method.ts';
import {
  expectNoEffect,
  type LeftOut,
  rememberedAnswers,
  rememberedRefusals,
  triedPasswords,
} from '../support/contents.ts';
import { expectTyped } from '../support/refusals.ts';
import { faultsOf } from '../support/requests/faults.ts';
import { wellFormed } from '../support/requests/good.ts';
import { unboundedFields } from '../support/requests/rules.ts';
import { jsonOf } from '../support/secrecy.ts';
import { startWorld, type World } from '../support/world.ts';

const gateway = 'platform.gateway';
const methods = allMethods();

let world: World;
let call: Caller;

beforeAll(async () => {
  world = await startWorld();
  call = createCaller(world.network);
});
afterAll(() => world.stop());

describe('a request that breaks a rule', () => {
  test.each(methods)('$title: is refused by name, without effect', async (subject) => {
    await expectNoEffect(world.network, {}, async () => {
      const faults = faultsOf(subject.method.input).filter(({ isForbidden }) => isForbidden);
      for (const { what, field, request } of faults) {
        const title = `${field} ${what}`;
        const refusal = await call(subject, admitted(subject), request);
        expect(refusal, `${title}: is refused`).toBeDefined();
        expectTyped(refusal!, subject, title);
        expect(refusal!.reason, title).toBe('FIELD_INVALID');
        const named = refusal!.violations.map((violation) => violation.field);
        expect(
          named.some((name) => name.startsWith(field)),
          `${title}: ${named}`,
        ).toBe(true);
      }
      const refusal = await call(subject, admitted(subject), {});
      if (refusal) expectTyped(refusal, subject, 'nothing but defaults');
    });
  });

  test('exists for every method that is asked for anything', () => {
    const untried = methods
      .filter(({ method }) => method.input.fields.length > 0)
      .filter(({ method }) => !faultsOf(method.input).some(({ isForbidden }) => isForbidden));
    expect(untried.map(({ title }) => title)).toEqual([]);
  });

  test.each(methods)('$title: leaves no text and no list without a bound', ({ method }) => {
    expect(unboundedFields(method.input)).toEqual([]);
  });
});

/**
 * Mutations that need nothing to be there before: a good request of them has an effect, as it must. Voiding and releasing
 * leave a mark that keeps a late request from beginning. So does whatever is called Create, an order excepted: that needs
 * products. All others need the thing that they name.
 */
const beginners = new Set([
  'AuthorizePayment',
  'BatchCheckTransactions',
  'BatchProcessPayments',
  'CheckTransaction',
  'EraseSubject',
  'LogAction',
  'ProcessPayment',
  'ReleaseStock',
  'RotateSigningKey',
  'ScreenCustomer',
  'SetStock',
  'UpdateRuleSet',
  'VoidPayment',
]);

function begins({ method: { name } }: Subject): boolean {
  return beginners.has(name) || (name.startsWith('Create') && name !== 'CreateOrder');
}

/** What requests of these methods leave although there is nothing to change, beside refusals by the domain. */
const leftBy: Record<string, LeftOut> = {
  Authenticate: triedPasswords,
  // All up to a time can be marked as read by whoever has nothing unread: that is an answer.
  MarkRead: rememberedAnswers,
};

describe('a request for what is not there', () => {
  test.each(methods.filter((subject) => !begins(subject)))(
    '$title: has no effect, whatever the text in it',
    async (subject) => {
      const odd = faultsOf(subject.method.input).filter(({ isForbidden }) => !isForbidden);
      const leftOut = { ...rememberedRefusals, ...leftBy[subject.method.name] };
      await expectNoEffect(world.network, leftOut, async () => {
        for (const request of [wellFormed(subject.method.input), ...odd.map((o) => o.request)]) {
          const refusal = await call(subject, admitted(subject), request);
          if (refusal) expectTyped(refusal, subject, jsonOf(request));
        }
      });
    },
  );

  test.each(methods.filter(begins))(
    '$title: begins something, or says by a reason why not',
    async (subject) => {
      const odd = faultsOf(subject.method.input).filter(({ isForbidden }) => !isForbidden);
      for (const request of [wellFormed(subject.method.input), ...odd.map((o) => o.request)]) {
        const refusal = await call(subject, admitted(subject), request);
        if (refusal) expectTyped(refusal, subject, jsonOf(request));
      }
    },
  );
});

const callers: (Who & { title: string })[] = [
  { title: 'nobody' },
  { title: 'a customer', roles: ['customer'] },
  { title: 'staff', roles: ['staff'] },
  ...registry.map(({ name }) => ({ title: name, service: name })),
];

/** The table of the contract, read once more: undefined admits, else the reason of the refusal. */
function expectedRefusal({ policy }: Subject, { roles, service }: Who): string | undefined {
  if (policy.audience === 'public') return undefined;
  if (service !== undefined && policy.services.has(service)) return undefined;
  if (policy.audience === 'internal') return 'CALLER_NOT_ALLOWED';
  if (roles === undefined) return 'CREDENTIALS_REQUIRED';
  if (policy.audience === 'staff' && !roles.includes('staff')) return 'CALLER_NOT_ALLOWED';
  return undefined;
}

const refusals = ['CALLER_NOT_ALLOWED', 'CREDENTIALS_REQUIRED'];

/** Breaks a rule where there is one, so that whoever is let in changes nothing. */
function harmless({ method }: Subject) {
  const fault = faultsOf(method.input).find(({ isForbidden }) => isForbidden);
  return fault?.request ?? wellFormed(method.input);
}

describe('who may call', () => {
  test.each(methods)('$title: as its policy says', async (subject) => {
    for (const who of callers) {
      const refusal = await call(subject, who, harmless(subject));
      const expected = expectedRefusal(subject, who);
      if (expected === undefined) expect(refusals, who.title).not.toContain(refusal?.reason);
      else expect(refusal, who.title).toMatchObject({ reason: expected, domain: 'mesh' });
    }
  });

  const atDoor = methods.filter(({ isOps }) => !isOps);
  test.each(atDoor)(
    '$title: the same at the gateway, where nobody is a service',
    async (subject) => {
      for (const { title, roles, service } of callers) {
        const refusal = await call(subject, { roles, service }, harmless(subject), gateway);
        if (!isPublic(subject.method.parent)) {
          expect(refusal, title).toMatchObject({ code: 'unimplemented' });
          continue;
        }
        const expected = expectedRefusal(subject, { roles });
        if (expected === undefined) expect(refusals, title).not.toContain(refusal?.reason);
        else expect(refusal, title).toMatchObject({ reason: expected, domain: 'mesh' });
        const direct = await call(subject, { roles }, harmless(subject));
        expect([refusal?.code, refusal?.reason], title).toEqual([direct?.code, direct?.reason]);
      }
    },
  );

  test.each(methods.filter(({ isOps, target }) => isOps && target === 'commerce.order'))(
    '$title: operators do not come through the gateway',
    async (subject) => {
      const refusal = await call(subject, { roles: ['staff'] }, harmless(subject), gateway);
      expect(refusal).toMatchObject({ code: 'unimplemented' });
    },
  );
});
