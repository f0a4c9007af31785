/** Domain to proto, and back. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type RuleContent as RuleContentMessage,
  RuleSetMode,
} from '#gen/finance/risk/v1/risk_pb.ts';
import type {
  Leg as LegMessage,
  Party as PartyMessage,
  TransactionFacts,
} from '#gen/finance/transaction/v1/verdict_pb.ts';
import { VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { minorPerUnit } from '#kit/currency.ts';
import { decodeInputs, variables } from './domain/variables.ts';
import {
  type Action,
  type Decision,
  type Facts,
  type Finding,
  type Leg,
  type RuleSetMode as Mode,
  type Party,
  type Rule,
  type RuleContent,
  type TransactionType,
  UnknownCurrency,
} from './domain.ts';
import type { KeptRuleSet } from './store/rule-sets.ts';

/** By their numbers; the contract lets no other through. */
const types: readonly TransactionType[] = [
  'TRANSFER',
  'TRANSFER',
  'DEPOSIT',
  'WITHDRAWAL',
  'PAYMENT',
];
const accountTypes = ['', 'CHECKING', 'SAVINGS', 'CREDIT', 'INVESTMENT'] as const;
const actions: readonly Action[] = ['DENY', 'ALLOW', 'REVIEW', 'DENY'];
const modes: readonly Mode[] = ['COLLECT_ALL', 'FIRST_MATCH', 'COLLECT_ALL'];

/** Throws UnknownCurrency, of whichever leg. */
export function factsOfProto(message: TransactionFacts): Facts {
  const [first, ...others] = message.legs.map(legOfProto);
  return {
    transactionId: message.transactionId,
    contentHash: message.contentHash,
    type: types[message.type]!,
    legs: [first!, ...others],
    minorPerUnit: minorPerUnit(first!.currency)!,
    initiatorId: message.initiatorId,
    isAuthorization: message.isAuthorization,
    requestedAt: message.requestTime!.seconds,
  };
}

function legOfProto({ source, destination, amount }: LegMessage): Leg {
  const { currencyCode: currency } = amount!;
  if (minorPerUnit(currency) === undefined) throw new UnknownCurrency({ currency_code: currency });
  return {
    source: partyOfProto(source!),
    destination: partyOfProto(destination!),
    currency,
    amountMinor: amount!.amountMinor,
  };
}

function partyOfProto({ accountId, ownerId, accountType, openTime }: PartyMessage): Party {
  return {
    accountId,
    ownerId,
    accountType: accountTypes[accountType]!,
    openedAt: openTime?.seconds ?? 0n,
  };
}

export function actionOfProto(action: VerdictAction): Action {
  return actions[action]!;
}

export function modeOfProto(mode: RuleSetMode): Mode {
  return modes[mode]!;
}

export function contentOfProto(message: RuleContentMessage): RuleContent {
  const { name, condition, action, priority, isEnabled, explanation } = message;
  return { name, condition, action: actionOfProto(action), priority, isEnabled, explanation };
}

export function findingToProto({ ruleId, action, explanation }: Finding) {
  return { ruleId, action: VerdictAction[action], explanation };
}

export function verdictToProto(decision: Decision) {
  const { decisionId, contentHash, action, ruleSetVersion, findings } = decision;
  return {
    decisionId,
    contentHash,
    action: VerdictAction[action],
    ruleSetVersion,
    findings: findings.map(findingToProto),
    decideTime: timestampFromMs(decision.decidedAt),
    expireTime: timestampFromMs(decision.expiresAt),
  };
}

export function decisionToProto(decision: Decision) {
  const values = decodeInputs(decision.inputs);
  return {
    transactionId: decision.transactionId,
    verdict: verdictToProto(decision),
    ...(decision.lapsedAt !== undefined && { lapseTime: timestampFromMs(decision.lapsedAt) }),
    inputs: Object.fromEntries(values.map((value, i) => [variables[i]!.name, String(value)])),
  };
}

export function ruleToProto({ ruleId, ruleSetVersion, ...content }: Rule) {
  const action = VerdictAction[content.action];
  return { ruleId, content: { ...content, action }, ruleSetVersion };
}

export function ruleSetToProto({ version, mode, rules, authorId, createdAt }: KeptRuleSet) {
  return {
    version,
    mode: RuleSetMode[mode],
    rules: rules.map(ruleToProto),
    authorId: authorId ?? '',
    createTime: timestampFromMs(createdAt),
  };
}
