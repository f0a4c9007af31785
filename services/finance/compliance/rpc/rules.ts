import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import type {
  ComplianceService,
  CreateRuleResponseSchema,
  DeleteRuleResponseSchema,
  UpdateRuleResponseSchema,
} from '#gen/finance/compliance/v1/compliance_pb.ts';
import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { type Call, userOf } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import {
  addRule,
  type Change,
  deleteRule,
  type RuleSet,
  ruleOf,
  updateRule,
} from '../domain/rules.ts';
import { ruleToProto, specFromProto } from '../proto.ts';
import type { RuleStore } from '../store/rules.ts';

type RuleHandlers = Pick<
  Handlers<typeof ComplianceService>,
  'listRules' | 'getRule' | 'createRule' | 'updateRule' | 'deleteRule'
>;

/** Reads and changes the rule set: each change makes the next version of all rules. */
export function createRuleRpc(deps: {
  database: Database;
  rules: RuleStore;
  clock: Clock;
}): RuleHandlers {
  const { database, rules, clock } = deps;

  /** Makes the next rule set of the present one, and answers with something of it. */
  function change<Response extends DescMessage>(
    call: Call,
    request: Parameters<typeof requestKey>[1],
    make: (set: RuleSet, change: Change) => RuleSet,
    answer: (next: RuleSet) => MessageInitShape<Response>,
  ) {
    const staffId = userOf(call).id;
    return answerOnce<Response>(database, call, requestKey(call, request), async (tx) => {
      const next = make(await rules.lockPresent(tx), { staffId, now: clock.now() });
      rules.insert(tx, next, staffId);
      await debugPoint('finance.compliance.before-rule-commit');
      return answer(next);
    });
  }

  return {
    async listRules() {
      const present = await rules.readPresent();
      return { rules: present.rules.map(ruleToProto), ruleSetVersion: present.version };
    },

    async getRule({ ruleId }) {
      return { rule: ruleToProto(ruleOf(await rules.readPresent(), ruleId)) };
    },

    createRule(request, call) {
      const ruleId = uuidv7();
      const spec = specFromProto(request.spec!);
      return change<typeof CreateRuleResponseSchema>(
        call,
        request,
        (set, by) => addRule(set, ruleId, spec, by),
        (next) => ({ rule: ruleToProto(ruleOf(next, ruleId)) }),
      );
    },

    updateRule(request, call) {
      const { ruleId, version } = request;
      const spec = specFromProto(request.spec!);
      return change<typeof UpdateRuleResponseSchema>(
        call,
        request,
        (set, by) => updateRule(set, { ruleId, spec, version }, by),
        (next) => ({ rule: ruleToProto(ruleOf(next, ruleId)) }),
      );
    },

    deleteRule(request, call) {
      return change<typeof DeleteRuleResponseSchema>(
        call,
        request,
        (set) => deleteRule(set, request.ruleId),
        (next) => ({ ruleSetVersion: next.version }),
      );
    },
  };
}
