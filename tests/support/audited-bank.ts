/** What staff do at the bank that the contract wants audited. */
import { RiskService } from '#gen/finance/risk/v1/risk_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { riskOf } from '#services/finance/risk/testing.ts';
import { ledgerOf } from '#services/finance/transaction/testing.ts';
import type { Deed } from './audited.ts';
import type { World } from './world.ts';

/** Above what the first rules of risk let pass without review, and below what they deny. */
const toReview = 2_000_000n;

export function deedsAtTheBank(world: World): Record<string, () => Promise<Deed>> {
  const { network, staff, newcomer } = world;
  const who = staff.id;
  const ledger = ledgerOf(network);
  const risk = riskOf(network, staff);
  const sets = network.client(RiskService, 'finance.risk');

  const openTwo = async () => {
    const payer = await newcomer();
    const a = await ledger.open(payer.id, 5_000_000n);
    return { payer, a, b: await ledger.open((await newcomer()).id) };
  };
  const authorize = async () => {
    const { payer, a, b } = await openTwo();
    return (await ledger.authorize(a, b, 5n, { as: payer })).transactionId;
  };
  const move = async (amountMinor: bigint) => {
    const { payer, a, b } = await openTwo();
    const { transaction } = await ledger.transfer(a, b, amountMinor, { as: payer });
    return transaction!.transactionId;
  };
  const doneTo = (resourceId: string) => ({ resourceId, who });
  return {
    'transaction.capture': async () => {
      const transactionId = await authorize();
      await ledger.people.captureTransaction({ requestId: uuidv7(), transactionId }, staff);
      return doneTo(transactionId);
    },
    'transaction.void': async () => {
      const transactionId = await authorize();
      await ledger.people.voidTransaction({ requestId: uuidv7(), transactionId }, staff);
      return doneTo(transactionId);
    },
    'transaction.reverse': async () => {
      const transactionId = await move(5n);
      const request = { requestId: uuidv7(), transactionId, reference: 'a mistake' };
      await ledger.people.reverseTransaction(request, staff);
      return doneTo(transactionId);
    },
    'transaction.review': async () => {
      const transactionId = await move(toReview);
      const request = { requestId: uuidv7(), transactionId, approves: true, note: 'seen' };
      await ledger.people.reviewTransaction(request, staff);
      return doneTo(transactionId);
    },
    'risk_rule.create': async () => doneTo((await risk.createRule({ isEnabled: false })).ruleId),
    'risk_rule.update': async () => {
      const { ruleId } = await risk.createRule({ isEnabled: false });
      await risk.updateRule(ruleId, { isEnabled: false, name: 'another' });
      return doneTo(ruleId);
    },
    'risk_rule.delete': async () => {
      const { ruleId } = await risk.createRule({ isEnabled: false });
      await risk.deleteRule(ruleId);
      return doneTo(ruleId);
    },
    'risk_rule_set.update': async () => {
      const { ruleSet } = await sets.getRuleSet({ version: 0n }, staff);
      const request = { requestId: uuidv7(), mode: ruleSet!.mode };
      const { ruleSetVersion } = await sets.updateRuleSet(request, staff);
      return doneTo(String(ruleSetVersion));
    },
  };
}
