import type { Message } from '@bufbuild/protobuf';
import type {
  RiskService,
  RuleContent as RuleContentMessage,
} from '#gen/finance/risk/v1/risk_pb.ts';
import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { type Call, userOf } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { readCondition } from '../condition.ts';
import { ruleOf, withChangedRule, withMode, withoutRule, withRule } from '../domain/rule-set.ts';
import type { RuleContent, RuleSet } from '../domain.ts';
import { contentOfProto, modeOfProto, ruleToProto } from '../proto.ts';
import type { Stores } from '../store.ts';

export interface RuleChangeDeps {
  database: Database;
  stores: Stores;
  clock: Clock;
}

type RuleChanges = Pick<
  Handlers<typeof RiskService>,
  'createRule' | 'updateRule' | 'deleteRule' | 'updateRuleSet'
>;

/** The changes of the rules: each makes the next version of the whole set. */
export function createRuleChanges({ database, stores, clock }: RuleChangeDeps): RuleChanges {
  /** Once it is answered, no check is decided by the former version: those under way were waited for. */
  function change<Answer extends Record<string, unknown>>(
    request: Message & { requestId: string },
    call: Call,
    make: (former: RuleSet) => RuleSet,
    answer: (next: RuleSet) => Answer,
  ): Promise<Answer> {
    return answerOnce(database, call, requestKey(call, request), async (tx) => {
      const next = make(await stores.ruleSets.lockToChange(tx));
      stores.ruleSets.insert(tx, { ...next, authorId: userOf(call).id, createdAt: clock.now() });
      await debugPoint('finance.risk.before-rules');
      return answer(next);
    }) as Promise<unknown> as Promise<Answer>;
  }

  return {
    createRule: async (request, call) => {
      const content = readContent(request.content!);
      const ruleId = uuidv7(clock.now());
      return change(
        request,
        call,
        (former) => withRule(former, ruleId, content),
        (next) => ({ rule: ruleToProto(ruleOf(next, ruleId)) }),
      );
    },

    updateRule: async (request, call) => {
      const { ruleId } = request;
      const content = readContent(request.content!);
      return change(
        request,
        call,
        (former) => withChangedRule(former, ruleId, content),
        (next) => ({ rule: ruleToProto(ruleOf(next, ruleId)) }),
      );
    },

    deleteRule: (request, call) =>
      change(
        request,
        call,
        (former) => withoutRule(former, request.ruleId),
        (next) => ({ ruleSetVersion: next.version }),
      ),

    updateRuleSet: (request, call) =>
      change(
        request,
        call,
        (former) => withMode(former, modeOfProto(request.mode)),
        (next) => ({ ruleSetVersion: next.version }),
      ),
  };
}

/** Throws RuleInvalid. */
function readContent(message: RuleContentMessage): RuleContent {
  const content = contentOfProto(message);
  readCondition(content.condition, 'content.condition');
  return content;
}
