/** What the contract must have that no linter knows of: policies, request ids, and a place in the registry. */
import { existsSync, readdirSync } from 'node:fs';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { OpsService } from '#gen/platform/ops/v1/ops_pb.ts';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { policyOf } from '#kit/rpc/policy.ts';
import { serviceContracts } from '#services/contracts.ts';
import { root } from '../run.ts';
import { findUnmarked } from './sensitivity.ts';

/** Every service of the contract, those of the kit included. */
export function allServices(): DescService[] {
  return [...serviceContracts.flatMap(({ contracts }) => contracts), OpsService];
}

/** What is wrong with the contract, a line each: with all of it, also where nothing implements it yet. */
export async function findContractFaults(): Promise<string[]> {
  const names = new Set(serviceContracts.map(({ name }) => name));
  const registered = new Set<DescService>([...allServices(), EchoService]);
  const services = await generatedServices();
  const faults = services.flatMap((service) => [
    ...(registered.has(service) ? [] : [unregistered(service)]),
    ...service.methods.flatMap((method) => faultsOf(method, names)),
  ]);
  return [...faults, ...findUnmarked(services)];
}

function unregistered({ file, name }: DescService): string {
  return `proto/${file.name}.proto: ${name} is in no entry of services/registry.ts: name it in the contracts of its service`;
}

/** The services in gen/ that are made from proto/, and not from the contracts of others. */
async function generatedServices(): Promise<DescService[]> {
  const files = readdirSync(`${root}gen`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('_pb.ts'))
    .filter((file) => existsSync(`${root}proto/${file.replace(/_pb\.ts$/, '.proto')}`))
    .sort();
  const modules = await Promise.all(files.map((file) => import(`${root}gen/${file}`)));
  return modules.flatMap((module) =>
    Object.values(module as Record<string, unknown>).filter(isService),
  );
}

function isService(value: unknown): value is DescService {
  return (value as { kind?: unknown } | undefined)?.kind === 'service';
}

function faultsOf(method: DescMethod, names: ReadonlySet<string>): string[] {
  const path = `proto/${method.parent.file.name}.proto: ${method.parent.name}.${method.name}`;
  let policy: ReturnType<typeof policyOf>;
  try {
    policy = policyOf(method);
  } catch (error) {
    return [(error as Error).message];
  }
  const faults: string[] = [];
  if (policy.deadlineMs === 0) faults.push(`${path}: its policy gives no deadline_ms`);
  const isMutation = method.idempotency === MethodOptions_IdempotencyLevel.IDEMPOTENT;
  const isTesting = method.parent === EchoService;
  if (policy.audit !== undefined && isBatch(method)) {
    faults.push(`${path}: is not audited itself; the method for one of its requests is`);
  }
  if (!policy.isRepeatable && !isTesting) {
    faults.push(`${path}: say whether it is NO_SIDE_EFFECTS or IDEMPOTENT`);
  }
  if (isMutation && !isTesting && !hasRequestId(method)) {
    faults.push(`${path}: a mutation needs request_id, in its request or in each item of a batch`);
  }
  for (const service of policy.services) {
    if (!isTesting && !plannedServices.has(service) && !names.has(service)) {
      faults.push(`${path}: its policy names ${service}, which the registry does not know`);
    }
  }
  return faults;
}

/** Services that the design names and the registry does not have yet; their callers are in the contract already. */
const plannedServices = new Set([
  'finance.account',
  'finance.compliance',
  'platform.audit',
  'platform.recommendation',
  'platform.search',
  'social.profile',
]);

/** A provider's event has an id of its own, inside the signed payload; a check is known by its transaction. */
const ownIds = new Set(['HandleProviderEvent', 'CheckTransaction', 'BatchCheckTransactions']);

function isBatch({ input }: DescMethod): boolean {
  return input.fields.some(({ name, fieldKind }) => name === 'requests' && fieldKind === 'list');
}

function hasRequestId(method: DescMethod): boolean {
  if (ownIds.has(method.name)) return true;
  return method.input.fields.some(
    (field) =>
      field.name === 'request_id' ||
      (field.name === 'requests' &&
        field.fieldKind === 'list' &&
        field.message?.fields.some((inner) => inner.name === 'request_id')),
  );
}
