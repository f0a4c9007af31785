import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type BacktestRulesRequest,
  type CheckTransactionRequest,
  RiskService,
} from '#gen/finance/risk/v1/risk_pb.ts';
import { VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { batchResults } from '#kit/load/batch.ts';
import { cutPage, decodeIdToken, decodePageToken, encodePageToken } from '#kit/page.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { backtest } from './backtest.ts';
import type { CheckWriter } from './check-writer.ts';
import { claimsOf } from './domain/claims.ts';
import { ruleOf } from './domain/rule-set.ts';
import { DecisionNotFound, limits, RuleSetNotFound } from './domain.ts';
import {
  actionOfProto,
  decisionToProto,
  factsOfProto,
  findingToProto,
  ruleSetToProto,
  ruleToProto,
  verdictToProto,
} from './proto.ts';
import { againstOf } from './rpc/candidate.ts';
import { createRuleChanges, type RuleChangeDeps } from './rpc/rule-changes.ts';
import type { RuleBook } from './rule-book.ts';

export interface RpcDeps extends RuleChangeDeps {
  writer: CheckWriter;
  ruleBook: RuleBook;
}

export function createRiskRpc(deps: RpcDeps): Handlers<typeof RiskService> {
  const { writer, stores, ruleBook } = deps;

  async function checkTransaction({ facts: message }: CheckTransactionRequest) {
    const facts = factsOfProto(message!);
    const decision = await writer.do({ facts, claims: claimsOf(facts) });
    return { verdict: verdictToProto(decision) };
  }

  async function readRuleSet(version?: bigint) {
    const found = await stores.ruleSets.read(version);
    if (found === undefined) throw new RuleSetNotFound({ version: String(version) });
    return found;
  }

  return {
    async getDecision({ transactionId }) {
      const decision = await stores.decisions.read(transactionId);
      if (decision === undefined) throw new DecisionNotFound({ transaction_id: transactionId });
      return { decision: decisionToProto(decision) };
    },

    async listDecisions({ action: wanted, pageSize, pageToken }) {
      const query = ['ListDecisions', String(wanted)];
      const action = wanted === VerdictAction.UNSPECIFIED ? undefined : actionOfProto(wanted);
      const before = decodeIdToken(query, pageToken);
      const size = pageSize || limits.pageDefault;
      const found = await stores.decisions.list(action, before, size + 1);
      const { page, nextPageToken } = cutPage(found, size, (last) =>
        encodePageToken(query, [last.decisionId]),
      );
      return { decisions: page.map(decisionToProto), nextPageToken };
    },

    async getRule({ ruleId }) {
      return { rule: ruleToProto(ruleOf(await readRuleSet(), ruleId)) };
    },

    async listRules({ pageSize, pageToken }) {
      const query = ['ListRules'];
      const after = decodePageToken(query, pageToken, 2);
      const size = pageSize || limits.pageDefault;
      const { rules } = await readRuleSet();
      const { page, nextPageToken } = cutPage(
        rules.filter((rule) => after === undefined || isAfter(rule, after)),
        size,
        (last) => encodePageToken(query, [String(last.priority), last.ruleId]),
      );
      return { rules: page.map(ruleToProto), nextPageToken };
    },

    async getRuleSet({ version }) {
      return { ruleSet: ruleSetToProto(await readRuleSet(version === 0n ? undefined : version)) };
    },

    async backtestRules(request) {
      const { startTime, endTime, pageSize, pageToken } = request;
      const query = ['BacktestRules', ...periodOf(request)];
      const { last, examined, different, examples } = await backtest(
        { decisions: stores.decisions, ruleBook },
        await againstOf(request, ruleBook),
        {
          period: {
            start: startTime && timestampMs(startTime),
            end: endTime && timestampMs(endTime),
          },
          after: decodeIdToken(query, pageToken),
          limit: pageSize || limits.backtestPageMax,
        },
      );
      return {
        examinedCount: examined,
        differentCount: different,
        examples: examples.map(({ decision, judgement }) => ({
          decision: decisionToProto(decision),
          action: VerdictAction[judgement.action],
          findings: judgement.findings.map(findingToProto),
        })),
        nextPageToken: last === undefined ? '' : encodePageToken(query, [last]),
      };
    },

    checkTransaction,

    batchCheckTransactions: async ({ requests }) => ({
      results: await batchResults(RiskService, requests, checkTransaction),
    }),

    ...createRuleChanges(deps),
  };
}

function isAfter(
  rule: { priority: number; ruleId: string },
  [priority, ruleId]: string[],
): boolean {
  if (rule.priority !== Number(priority)) return rule.priority > Number(priority);
  return rule.ruleId > ruleId!;
}

/** A page belongs to its period, and to no particular rules: what they are is in each request. */
function periodOf({ startTime, endTime }: BacktestRulesRequest): string[] {
  return [startTime, endTime].map((time) => (time === undefined ? '' : String(timestampMs(time))));
}
