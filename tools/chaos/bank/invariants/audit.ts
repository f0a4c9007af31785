import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescMethodUnary } from '@bufbuild/protobuf';
import { TransactionService } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import { policyOf } from '#kit/rpc/policy.ts';
import { readVerifier } from '#services/platform/audit/log/note.ts';
import { copyLog } from '../../../audit/copy.ts';
import { openFolder } from '../../../audit/folder.ts';
import { verifyLog } from '../../../audit/verifier.ts';
import type { Mesh } from '../../../mesh/mesh.ts';
import type { Acknowledged } from '../../desk.ts';
import type { Evidence } from '../../evidence.ts';
import { finding, type Page } from '../../invariants.ts';
import { insist } from '../../patience.ts';
import type { Person } from '../../people.ts';
import { dealsOf } from '../deals.ts';

/** Each deed that was acknowledged and is to be audited is one leaf of the log, and the log is whole. */
export function createAuditCheck(mesh: Mesh, reader: Person) {
  return async ({ sql, acknowledged }: Evidence): Promise<Page> => {
    const due = new Set(deedsOf(acknowledged));
    const actions = new Set([...due].map((deed) => deed.split(' ')[0]!));
    const leaves = await sql<{ deed: string; count: number }[]>`
      select action || ' ' || who || ' ' || (leaf -> 'details' ->> 'requestId') as deed,
        count(*)::integer as count
      from platform_audit.audit_entry where action = any(${[...actions]}::text[]) group by 1`;
    const counts = new Map(leaves.map(({ deed, count }) => [deed, count]));
    const notes = await sql<{ note: string }[]>`select note from platform_audit.checkpoint`;
    const told = notes.map(({ note }) => note);
    const faults = await insist(reader, new Map(), () => verify(mesh, reader, told));
    return {
      lines: [`audit log: ${due.size} deeds of people, ${notes.length} checkpoints`],
      findings: [
        finding(
          'a deed that was acknowledged is one leaf',
          [...due].flatMap((deed) => {
            const count = counts.get(deed) ?? 0;
            return count === 1 ? [] : [{ deed, count }];
          }),
        ),
        finding(
          'no leaf is of a deed that nobody did',
          [...counts.keys()].filter((deed) => !due.has(deed)),
        ),
        finding('the log verifies against every checkpoint that there was', faults),
      ],
    };
  };
}

/** "action who request": of everything that was done, refusals left out. */
function deedsOf(acknowledged: readonly Acknowledged[]): string[] {
  const { method } = TransactionService;
  const deeds = dealsOf(acknowledged).flatMap(({ transaction, userId, requestId, ...deal }) => {
    const found = Object.values(method).find(({ name }) => name === deal.method);
    if (transaction === undefined || found === undefined) return [];
    return deedOf(found as DescMethodUnary, userId, requestId);
  });
  const others = acknowledged.flatMap(({ method, person, request, response }) => {
    const isDeal = method.parent.typeName === TransactionService.typeName;
    if (isDeal || response === undefined || !('requestId' in request)) return [];
    return deedOf(method, person?.userId, request.requestId);
  });
  return [...deeds, ...others];
}

function deedOf(method: DescMethodUnary, userId: string | undefined, requestId: string): string[] {
  const { audit } = policyOf(method);
  // Only what people do: what a service asks for in nobody's name is not theirs.
  return audit === undefined || !userId ? [] : [`${audit.action} ${userId} ${requestId}`];
}

/** What does not fit in a copy of the log. */
async function verify(mesh: Mesh, reader: Person, told: readonly string[]): Promise<string[]> {
  const path = mkdtempSync(join(tmpdir(), 'meshwork-chaos-log-'));
  try {
    const folder = openFolder(path);
    await copyLog(mesh.client(AuditService, 'platform.audit'), reader.headers, folder);
    return verifyLog(folder, folder.readVerifiers().map(readVerifier), told).findings;
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
