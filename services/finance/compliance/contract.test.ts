import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ComplianceService } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { factsOf, newAccount } from './testing.ts';

let network: Network;
let staff: Person;

beforeAll(async () => {
  network = await startNetwork(['finance.compliance']);
  staff = await network.person({ roles: ['staff'] });
});
afterAll(() => network.stop());

type Compliance = Client<typeof ComplianceService>;
type Options = { headers: Record<string, string> };

const complianceAs = (service?: string): Compliance =>
  network.client(ComplianceService, 'finance.compliance', service === undefined ? {} : { service });

const facts = (more: object = {}) => ({
  ...factsOf({ from: newAccount(), to: newAccount(), amount: 1n }),
  ...more,
});
const leg = (more: object) => ({ ...facts().legs![0]!, ...more });
const noAmount = { currencyCode: 'EUR', amountMinor: 0n };
const spec = (more: object = {}) => ({
  name: 'many',
  action: 2,
  isEnabled: true,
  typology: {
    case: 'fanIn' as const,
    value: { counterpartiesMin: 10, totalMajorMin: 1n, windowHours: 1 },
  },
  ...more,
});
const typology = (name: string, value: object) => ({ typology: { case: name, value } as never });
const request = (more: object) => ({ requestId: uuidv7(), caseId: uuidv7(), ...more });

describe('bad input', () => {
  const bad: [string, (it: Compliance, by: Options) => Promise<unknown>, string][] = [
    ['no facts', (it) => it.checkTransaction({}), 'facts'],
    ['no legs', (it) => it.checkTransaction({ facts: facts({ legs: [] }) }), 'facts.legs'],
    [
      'a hash of another length',
      (it) => it.checkTransaction({ facts: facts({ contentHash: Buffer.from('x') }) }),
      'facts.content_hash',
    ],
    ['no type', (it) => it.checkTransaction({ facts: facts({ type: 0 }) }), 'facts.type'],
    [
      'an amount of nothing',
      (it) => it.checkTransaction({ facts: facts({ legs: [leg({ amount: noAmount })] }) }),
      'facts.legs[0].amount',
    ],
    [
      'an owner who is none',
      (it) => {
        const source = { accountId: uuidv7(), ownerId: 'somebody' };
        return it.checkTransaction({ facts: facts({ legs: [leg({ source })] }) });
      },
      'facts.legs[0].source.owner_id',
    ],
    [
      'too many transactions',
      (it) => it.batchCheckTransactions({ requests: Array(1_001).fill({ facts: facts() }) }),
      'requests',
    ],
    [
      'a rule without a name',
      (it, by) => it.createRule(request({ spec: spec({ name: '' }) }), by),
      'spec.name',
    ],
    [
      'a rule that looks for nothing',
      (it, by) => it.createRule(request({ spec: spec({ typology: undefined }) }), by),
      'spec.typology',
    ],
    [
      'a fan of one',
      (it, by) => {
        const value = { counterpartiesMin: 1, totalMajorMin: 1n, windowHours: 1 };
        return it.createRule(request({ spec: spec(typology('fanOut', value)) }), by);
      },
      'spec.fan_out.counterparties_min',
    ],
    [
      'a window without an end',
      (it, by) => {
        const value = { amountMajorMin: 1n, tolerancePercent: 1, windowHours: 1_000_000 };
        return it.createRule(request({ spec: spec(typology('cycle', value)) }), by);
      },
      'spec.cycle.window_hours',
    ],
    [
      'a threshold beyond all money',
      (it, by) => {
        const value = { thresholdMajor: 10n ** 18n, bandPercent: 10, countMin: 3, windowHours: 1 };
        return it.createRule(request({ spec: spec(typology('structuring', value)) }), by);
      },
      'spec.structuring.threshold_major',
    ],
    ['a case that is none', (it, by) => it.getCase({ caseId: '1' }, by), 'case_id'],
    [
      'an outcome that is none',
      (it, by) => it.resolveCase(request({ outcome: 4, note: 'x' }), by),
      'outcome',
    ],
    [
      'a block without a reason to',
      (it, by) => it.resolveCase(request({ outcome: 2, blocksCustomer: true, note: 'x' }), by),
      '',
    ],
    ['a note of nothing', (it, by) => it.addCaseNote(request({ note: '' }), by), 'note'],
    [
      'evidence of nothing',
      (it, by) => it.addCaseEvidence(request({ transactionIds: [], note: 'x' }), by),
      'transaction_ids',
    ],
    ['a name of nothing', (it, by) => it.screenName({ name: '' }, by), 'name'],
    ['a name that never ends', (it, by) => it.screenName({ name: 'x'.repeat(201) }, by), 'name'],
    [
      'a country that is none',
      (it, by) => it.screenName({ name: 'x', countryCode: 'Freedonia' }, by),
      'country_code',
    ],
  ];

  test.each(bad)('is refused by the name of its field: %s', async (_, call, field) => {
    const answer = call(complianceAs('finance.transaction'), { headers: staff.headers });
    await expect(answer).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'FIELD_INVALID',
      violations: [{ field }],
    });
  });
});

test('an account that was opened before or after all time is one of the first or the last day', async () => {
  const ledger = complianceAs('finance.transaction');
  for (const seconds of [-(2n ** 63n), 2n ** 63n - 1n]) {
    const [{ source }] = facts().legs as [{ source: object }];
    const odd = { ...source, openTime: { seconds, nanos: 0 } };
    const answer = await ledger.checkTransaction({
      facts: facts({ legs: [leg({ source: odd })] }),
    });
    expect(answer.verdict!.findings).toEqual([]);
  }
});

test('only the ledger has transactions checked, and only finance.account customers screened', async () => {
  const denied = { code: 'permission_denied', reason: 'CALLER_NOT_ALLOWED' };
  const customer = { requestId: uuidv7(), ownerId: uuidv7(), name: 'Somebody' };
  await expect(
    complianceAs('finance.payment').checkTransaction({ facts: facts() }),
  ).rejects.toMatchObject(denied);
  await expect(complianceAs('finance.transaction').screenCustomer(customer)).rejects.toMatchObject(
    denied,
  );
  const person = await network.person();
  await expect(complianceAs().listCases({}, person)).rejects.toMatchObject(denied);
});
