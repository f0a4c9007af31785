import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  CaseChangedSchema,
  SanctionsListChangedSchema,
} from '#gen/finance/compliance/v1/compliance_pb.ts';
import { event, type OutgoingEvent } from '#kit/bus/event.ts';
import type { Case } from './domain/cases.ts';
import { limits } from './domain.ts';
import { caseToProto } from './proto.ts';

/** Published when cases were opened or analysts changed them: states and ids, never what anybody wrote. */
export function caseEvents(cases: readonly Case[]): OutgoingEvent[] {
  const events: OutgoingEvent[] = [];
  for (let i = 0; i < cases.length; i += limits.eventCasesMax) {
    const some = cases.slice(i, i + limits.eventCasesMax);
    events.push(event(CaseChangedSchema, some[0]!.caseId, { cases: some.map(caseToProto) }));
  }
  return events;
}

/** Published once for each list: whoever knows names asks for them again. */
export function listChanged(list: {
  version: string;
  entryCount: number;
  loadedAt: number;
}): OutgoingEvent {
  const { version, entryCount, loadedAt } = list;
  return event(SanctionsListChangedSchema, version, {
    listVersion: version,
    entryCount,
    loadTime: timestampFromMs(loadedAt),
  });
}
