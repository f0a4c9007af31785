/** Calls of any method of the mesh, chosen by its descriptor. */
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { OpsService } from '#gen/platform/ops/v1/ops_pb.ts';
import { RpcError } from '#kit/errors.ts';
import type { CallOptions } from '#kit/rpc/client/client.ts';
import { type Policy, policiesOf } from '#kit/rpc/policy.ts';
import type { Network } from '#kit/testing/network.ts';
import { serviceContracts } from '#services/contracts.ts';
import { patiently } from './patience.ts';
import type { Init } from './requests/good.ts';

/** One method of one service of the registry. */
export interface Subject {
  /** "commerce.order OrderService/GetOrder" */
  title: string;
  target: string;
  method: DescMethod;
  policy: Policy;
  /** Whether the kit offers it at every service, rather than this service alone. */
  isOps: boolean;
}

/** All methods of all services, those of operators included. */
export function allMethods(): Subject[] {
  return serviceContracts
    .filter(({ contracts }) => contracts.length > 0)
    .flatMap(({ name, contracts }) =>
      [...contracts, OpsService].flatMap((service) =>
        policiesOf(service).map(([method, policy]) => ({
          title: `${name} ${service.name}/${method.name}`,
          target: name,
          method,
          policy,
          isOps: service === OpsService,
        })),
      ),
    );
}

/** Who calls: a person, a service, or nobody. */
export interface Who {
  roles?: readonly string[];
  service?: string;
}

export type Caller = (
  subject: Subject,
  who: Who,
  request: Init,
  door?: string,
) => Promise<RpcError | undefined>;

/** How a call ended: with a refusal, or with an answer. Of a stream it is the first, undefined when none came. */
export interface Outcome {
  refusal?: RpcError;
  answer?: unknown;
}

export type Asker = (
  subject: Subject,
  as: { headers?: Record<string, string> | undefined; service?: string | undefined },
  request: Init,
  door?: string,
) => Promise<Outcome>;

/** A stream that begins without a refusal is left after this. */
const listenMs = 300;

/** Calls any method. `door` is where the call arrives: the service itself unless told otherwise. */
export function createAsker(network: Network): Asker {
  const clients = new Map<string, AnyClient>();

  function clientOf(service: DescService, door: string, as: string | undefined) {
    const key = `${service.typeName} ${door} ${as}`;
    let client = clients.get(key);
    if (client === undefined) {
      client = anyClient(network, service, door, as);
      clients.set(key, client);
    }
    return client;
  }

  return async ({ method, target }, { headers = {}, service }, request, door = target) => {
    const call = clientOf(method.parent, door, service)[method.localName]!;
    return patiently(async () => {
      const outcome = await outcomeOf(method, call, request, { headers });
      if (outcome.refusal?.reason === 'OVERLOADED') throw outcome.refusal;
      return outcome;
    });
  };
}

/**
 * Answers how a call was refused, undefined when it was not. Each call of a person is by somebody new, so that no rate
 * limit mixes in.
 */
export function createCaller(network: Network): Caller {
  const ask = createAsker(network);
  return async (subject, { roles, service }, request, door) => {
    const person = roles && (await network.person({ roles }));
    const outcome = await ask(subject, { headers: person?.headers, service }, request, door);
    return outcome.refusal;
  };
}

/** A client whose methods are found by their names. */
export function anyClient(
  network: Network,
  service: DescService,
  door: string,
  as?: string,
): AnyClient {
  const client = network.client(service, door, as === undefined ? {} : { service: as });
  return client as unknown as AnyClient;
}

type AnyClient = Record<string, (request: Init, options: CallOptions) => unknown>;

async function outcomeOf(
  method: DescMethod,
  call: AnyClient[string],
  request: Init,
  options: CallOptions,
): Promise<Outcome> {
  try {
    if (method.methodKind === 'unary') return { answer: await call(request, options) };
    const answers = call(request, { ...options, timeoutMs: listenMs }) as AsyncIterable<unknown>;
    return { answer: await first(answers) };
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const isQuiet = method.methodKind !== 'unary' && error.code === 'deadline_exceeded';
    return isQuiet ? {} : { refusal: error };
  }
}

async function first(messages: AsyncIterable<unknown>): Promise<unknown> {
  for await (const message of messages) return message;
  return undefined;
}

/** Somebody whom the policy of the method admits. */
export function admitted({ policy }: Subject): Who {
  if (policy.audience === 'internal') return { service: [...policy.services][0]! };
  return { roles: [policy.audience === 'staff' ? 'staff' : 'customer'] };
}
