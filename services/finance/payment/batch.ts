import type { Message } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import type { Answer } from '#kit/db/request-records.ts';
import { DomainError } from '#kit/errors.ts';
import type { Outcome } from '#kit/load/coalesce.ts';
import { Conflict, RequestIdReused } from '#kit/mesh-errors.ts';
import type { PaymentRecord, StoredFact } from './domain/record.ts';
import { next } from './domain/reducer.ts';
import { isRefusal, isTaken, workLeft } from './domain/work.ts';
import { paymentToProto } from './proto.ts';
import type { OwnedOperation } from './store.ts';
import type { Change, PaymentRequest, Written } from './writer.ts';

/**
 * The payments that a batch of changes touches, as they were read under lock. Changes are applied one after the other,
 * each on what the ones before left.
 */
export interface Batch {
  apply(change: Change): Written;
  inserted(): PaymentRecord[];
  changed(): PaymentRecord[];
  changedOperations(): OwnedOperation[];
  facts(): StoredFact[];
  /** Payments whose change others are told of: not when only their work was moved. */
  published(): PaymentRecord[];
  newAnswers(): (PaymentRequest & { outcome: Outcome<Answer> })[];
}

export function openBatch(read: {
  records: readonly PaymentRecord[];
  operations: readonly OwnedOperation[];
  answered: ReadonlyMap<PaymentRequest, Outcome<Message> | undefined>;
  now: number;
}): Batch {
  const { answered, now } = read;
  const loaded = new Map(read.records.map((record) => [record.paymentId, record]));
  const present = new Map(loaded);
  const byOrder = new Map(read.records.map((record) => [record.orderId, record.paymentId]));
  const owners = new Map(read.operations.map((one) => [one.operation.operationId, one.paymentId]));
  const facts = new Map<string, StoredFact>();
  const answers = new Map<string, PaymentRequest & { outcome: Outcome<Answer> }>();

  function find(of: Change['of']): PaymentRecord | undefined {
    const paymentId = 'paymentId' in of ? of.paymentId : byOrder.get(of.orderId);
    return paymentId === undefined ? undefined : present.get(paymentId);
  }

  function put(record: PaymentRecord): void {
    present.set(record.paymentId, record);
    byOrder.set(record.orderId, record.paymentId);
    for (const { operationId } of record.operations) owners.set(operationId, record.paymentId);
  }

  /** Applies what the provider said, and plans what is to be done after it. */
  function tell(before: PaymentRecord, change: Change): void {
    if (change.facts === undefined && change.holder === undefined) return;
    let record = before;
    for (const fact of change.facts ?? []) {
      const [told, verdict] = next(record, fact);
      note({ ...fact, verdict });
      record = told;
    }
    const isChanged = record !== before;
    const isProgress = isChanged && !change.facts!.some(isRefusal);
    const work = workLeft(record, { now, isProgress, holder: change.holder });
    const updatedAt = isChanged ? now : record.updatedAt;
    if (isChanged || work !== record.work) put({ ...record, work, updatedAt });
  }

  function note(fact: StoredFact): void {
    const identity = `${fact.paymentId} ${fact.operation} ${fact.kind}`;
    if (!facts.has(identity)) facts.set(identity, fact);
  }

  /** Does what is asked, and says whether that put the payment into the asker's hands. Throws the refusal. */
  function ask({ of, ask: asked, operationId, request }: Change): boolean {
    if (asked === undefined) return false;
    const before = find(of);
    const owner = operationId === undefined ? undefined : owners.get(operationId);
    if (owner !== undefined && owner !== before?.paymentId) {
      throw new RequestIdReused({ request_id: request!.key.requestId });
    }
    const after = asked(before, now);
    if (after === before) return false;
    const isNews = after.version !== before?.version;
    put({ ...after, updatedAt: isNews ? now : after.updatedAt });
    return after.work.epoch !== before?.work.epoch && isTaken(after.work, now);
  }

  /** Answers a request when that is possible now. */
  function answer(request: PaymentRequest, record: PaymentRecord | undefined) {
    if (record === undefined || !request.isKnown(record)) return undefined;
    return keep(request, { value: { payment: paymentToProto(record) } as Answer });
  }

  function keep(request: PaymentRequest, outcome: Outcome<Answer>): Outcome<Message> {
    answers.set(idOf(request), { ...request, outcome });
    return toMessage(request, outcome);
  }

  /** What this request, or another of the same id in this batch, was answered. */
  function earlier(request: PaymentRequest): Outcome<Message> | undefined {
    const before = answered.get(request);
    const beside = answers.get(idOf(request));
    if (before !== undefined || beside === undefined) return before;
    if (beside.key.hash.equals(request.key.hash)) return toMessage(request, beside.outcome);
    return { error: new RequestIdReused({ request_id: request.key.requestId }) };
  }

  function apply(change: Change): Written {
    const { of, request } = change;
    const before = find(of);
    if (before !== undefined) tell(before, change);
    else for (const fact of change.facts ?? []) note({ ...fact, verdict: 'WAITING' });
    const known = request && earlier(request);
    if (known !== undefined) return { record: find(of), answer: known, isTaken: false };
    try {
      const hasTaken = ask(change);
      const record = find(of);
      return { record, answer: request && answer(request, record), isTaken: hasTaken };
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      const isFinal = request && !(error instanceof Conflict || error instanceof RequestIdReused);
      const outcome = isFinal ? keep(request, { error }) : { error };
      return { record: find(of), answer: outcome, isTaken: false };
    }
  }

  const all = () => [...present.values()];
  const isNew = ({ paymentId }: PaymentRecord) => !loaded.has(paymentId);
  const isChanged = (record: PaymentRecord) => loaded.get(record.paymentId) !== record;

  return {
    apply,
    inserted: () => all().filter(isNew),
    changed: () => all().filter((record) => isChanged(record) && !isNew(record)),
    changedOperations: () =>
      all().flatMap(({ paymentId, operations, account, currency }) => {
        const before = new Set(loaded.get(paymentId)?.operations);
        return operations
          .map((operation, position) => {
            const settlesIn = account === undefined ? currency : undefined;
            return { paymentId, position, settlesIn, operation };
          })
          .filter(({ operation }) => !before.has(operation));
      }),
    facts: () => [...facts.values()],
    published: () =>
      all().filter((record) => loaded.get(record.paymentId)?.version !== record.version),
    newAnswers: () => [...answers.values()],
  };
}

function idOf({ key }: PaymentRequest): string {
  return `${key.requestId} ${key.scope}`;
}

function toMessage({ response }: PaymentRequest, outcome: Outcome<Answer>): Outcome<Message> {
  return 'error' in outcome ? outcome : { value: create(response, outcome.value) };
}
