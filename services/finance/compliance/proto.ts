/** Domain to proto and back. */
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  CaseState,
  JournalKind,
  type RuleSpec as RuleSpecMessage,
  Typology,
} from '#gen/finance/compliance/v1/compliance_pb.ts';
import {
  type Party as PartyMessage,
  type TransactionFacts,
  TransactionType,
  VerdictAction,
} from '#gen/finance/transaction/v1/verdict_pb.ts';
import type { Case, Evidence, JournalEntry, Report } from './domain/cases.ts';
import type { Parameters, Rule, RuleSpec } from './domain/rules.ts';
import {
  type Action,
  type Decision,
  limits,
  type Party,
  type Transaction,
  type TransactionType as Type,
} from './domain.ts';

const types: Record<number, Type> = {
  [TransactionType.TRANSFER]: 'TRANSFER',
  [TransactionType.DEPOSIT]: 'DEPOSIT',
  [TransactionType.WITHDRAWAL]: 'WITHDRAWAL',
  [TransactionType.PAYMENT]: 'PAYMENT',
};

/** The name of a type of transaction; undefined for one that has none. */
export function typeFromProto(type: TransactionType): Type | undefined {
  return types[type];
}

/** All but when, which whoever asks decides. */
export function transactionFromProto(facts: TransactionFacts): Omit<Transaction, 'at'> {
  return {
    transactionId: facts.transactionId,
    type: types[facts.type]!,
    legs: facts.legs.map((leg) => ({
      source: partyFromProto(leg.source!),
      destination: partyFromProto(leg.destination!),
      amountMinor: leg.amount!.amountMinor,
      currency: leg.amount!.currencyCode,
    })),
    initiatorId: facts.initiatorId,
  };
}

function partyFromProto({ accountId, ownerId, openTime }: PartyMessage): Party {
  const openedAt = openTime === undefined ? 0 : timestampMs(openTime);
  return { accountId, ownerId, openedAt: Math.min(Math.max(openedAt, 0), latestMs) };
}

/** The end of the year 9999: a message may hold times that no calendar has. */
const latestMs = Date.UTC(10_000, 0) - 1;

/** A verdict, which is worth something for limits.verdictMsMax from then on. */
export function verdictToProto(decision: Decision, since: number) {
  return {
    decisionId: decision.decisionId,
    contentHash: decision.contentHash,
    action: VerdictAction[decision.action],
    ruleSetVersion: decision.ruleSetVersion,
    findings: decision.findings.map(({ ruleId, action, explanation }) => ({
      ruleId,
      action: VerdictAction[action],
      explanation,
    })),
    decideTime: timestampFromMs(decision.decidedAt),
    expireTime: timestampFromMs(since + limits.verdictMsMax),
  };
}

export function caseToProto(found: Case) {
  const { caseId, ownerId, assigneeId, evidenceCount, omittedCount, blocksCustomer } = found;
  return {
    caseId,
    ownerId,
    typology: Typology[found.typology],
    state: CaseState[found.state],
    assigneeId,
    evidenceCount,
    omittedCount,
    blocksCustomer,
    reportNumber: found.reportNumber,
    createTime: timestampFromMs(found.createdAt),
    updateTime: timestampFromMs(found.updatedAt),
  };
}

export function evidenceToProto(found: Evidence) {
  const { transactionId = '', ruleId, explanation, amount, staffId, occurredAt } = found;
  return {
    transactionId,
    ruleId,
    explanation,
    ...(amount && { amount: moneyToProto(amount) }),
    staffId,
    occurTime: timestampFromMs(occurredAt),
  };
}

export function entryToProto({ kind, staffId, text, createdAt }: JournalEntry) {
  return { kind: JournalKind[kind], staffId, text, createTime: timestampFromMs(createdAt) };
}

export function reportToProto(report: Report) {
  const { reportNumber, caseId, ownerId, filerId, narrative } = report;
  return {
    reportNumber,
    caseId,
    ownerId,
    typology: Typology[report.typology],
    startTime: timestampFromMs(report.startedAt),
    endTime: timestampFromMs(report.endedAt),
    amounts: report.amounts.map(moneyToProto),
    evidence: report.evidence.map(evidenceToProto),
    filerId,
    createTime: timestampFromMs(report.createdAt),
    narrative,
  };
}

function moneyToProto({ amountMinor, currency }: { amountMinor: bigint; currency: string }) {
  return { currencyCode: currency, amountMinor };
}

export function actionFromProto(action: VerdictAction): Action {
  if (action === VerdictAction.ALLOW) return 'ALLOW';
  return action === VerdictAction.REVIEW ? 'REVIEW' : 'DENY';
}

export function specFromProto(spec: RuleSpecMessage): RuleSpec {
  const { name, action, isEnabled, currencyCodes, includesPayments } = spec;
  return {
    name,
    action: actionFromProto(action),
    isEnabled,
    currencyCodes,
    includesPayments,
    parameters: parametersFromProto(spec.typology),
  };
}

function parametersFromProto({ case: name, value }: RuleSpecMessage['typology']): Parameters {
  switch (name) {
    case 'structuring': {
      const { thresholdMajor, bandPercent, countMin, windowHours } = value;
      return { typology: 'STRUCTURING', thresholdMajor, bandPercent, countMin, windowHours };
    }
    case 'rapidMovement': {
      const { totalMajorMin, percentMin, windowMinutes, countMin } = value;
      return { typology: 'RAPID_MOVEMENT', totalMajorMin, percentMin, windowMinutes, countMin };
    }
    case 'fanIn':
    case 'fanOut': {
      const { counterpartiesMin, totalMajorMin, windowHours } = value;
      const typology = name === 'fanIn' ? 'FAN_IN' : 'FAN_OUT';
      return { typology, counterpartiesMin, totalMajorMin, windowHours };
    }
    case 'cycle': {
      const { amountMajorMin, tolerancePercent, windowHours } = value;
      return { typology: 'CYCLE', amountMajorMin, tolerancePercent, windowHours };
    }
    default: {
      const { dormantDays, amountMajorMin } = value!;
      return { typology: 'DORMANT_ACCOUNT', dormantDays, amountMajorMin };
    }
  }
}

/** The field of the contract that holds the parameters of each typology. */
const fieldOf = {
  STRUCTURING: 'structuring',
  RAPID_MOVEMENT: 'rapidMovement',
  FAN_IN: 'fanIn',
  FAN_OUT: 'fanOut',
  CYCLE: 'cycle',
  DORMANT_ACCOUNT: 'dormantAccount',
} as const;

export function ruleToProto({ ruleId, spec, version, staffId, updatedAt }: Rule) {
  const { name, action, isEnabled, currencyCodes, includesPayments } = spec;
  const { typology, ...value } = spec.parameters;
  return {
    ruleId,
    spec: {
      name,
      action: VerdictAction[action],
      isEnabled,
      currencyCodes: [...currencyCodes],
      includesPayments,
      // The fields of the contract have the names of the domain's; the compiler does not follow which goes with which.
      typology: { case: fieldOf[typology], value } as never,
    },
    version,
    staffId,
    updateTime: timestampFromMs(updatedAt),
  };
}
