/** Where writes are asked for until they are answered, and where every answer is kept. */
import type {
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import { toBinary } from '@bufbuild/protobuf';
import { RpcError } from '#kit/errors.ts';
import { type BatchResult, batchOutcomes } from '#kit/load/batch.ts';
import type { CallOptions } from '#kit/rpc/client/client.ts';
import { serviceOfType } from '#kit/service.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { type Failures, insist, isPassing } from './patience.ts';
import type { Person } from './people.ts';

/** A write that was answered, and what the answer was. */
export interface Acknowledged {
  /** Who asked; undefined for a service itself. */
  person: Person | undefined;
  method: DescMethodUnary;
  request: Asked;
  /** Undefined when the answer was a refusal. */
  response: Message | undefined;
  refusal: RpcError | undefined;
  answer: Uint8Array;
}

/** A request that can be repeated, or many of them in one. */
export type Asked = { requestId: string } | { requests: readonly { requestId: string }[] };

export interface Desk {
  /** The service that calls where nobody is named. */
  readonly service: string;
  readonly acknowledged: readonly Acknowledged[];
  readonly failures: Failures;
  /**
   * Sends a write until it is answered, first to the given door and then to the others in turn, and remembers the answer.
   * Throws the RpcError of a refusal, which is an answer too.
   */
  write<Method extends DescMethodUnary>(
    person: Person | undefined,
    method: Method,
    request: MessageInitShape<Method['input']> & Asked,
    door?: number,
  ): Promise<MessageShape<Method['output']>>;
  /** Sends what writes nothing until it is answered. Throws as write does. */
  insist<Answer>(person: Person | undefined, send: () => Promise<Answer>): Promise<Answer>;
  /** Asks for the same once more, at each door. */
  repeat(acknowledged: Acknowledged): Promise<Uint8Array[]>;
}

type Send = (request: object, options?: CallOptions) => Promise<Message>;

export function openDesk(mesh: Mesh, service: string): Desk {
  const acknowledged: Acknowledged[] = [];
  const failures: Failures = new Map();
  const clients = new Map<string, Record<string, Send>>();

  function clientOf(service: DescService, target: string, as: { service?: string }) {
    const key = `${service.typeName} ${target} ${as.service}`;
    const client = clients.get(key) ?? (mesh.client(service, target, as) as Record<string, Send>);
    clients.set(key, client);
    return client;
  }

  /** People may go to the service itself or to the public door; a service has one way. */
  function doorsOf(method: DescMethodUnary, person: Person | undefined): Send[] {
    const own = serviceOfType(method.parent.typeName);
    const targets = person === undefined ? [own] : [own, 'platform.gateway'];
    const as = person === undefined ? { service } : {};
    return targets.map((target) => clientOf(method.parent, target, as)[method.localName]!);
  }

  async function ask(
    { person, method, request }: Pick<Acknowledged, 'person' | 'method' | 'request'>,
    door: number,
  ): Promise<{ response: Message } | { refusal: RpcError }> {
    const doors = doorsOf(method, person);
    try {
      const response = await insist(person, failures, async (attempt) =>
        whole(await doors[(door + attempt) % doors.length]!(request, person)),
      );
      return { response };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return { refusal: error };
    }
  }

  async function write<Method extends DescMethodUnary>(
    person: Person | undefined,
    method: Method,
    request: MessageInitShape<Method['input']> & Asked,
    door = 0,
  ): Promise<MessageShape<Method['output']>> {
    const said = await ask({ person, method, request }, door);
    const { response, refusal } = { response: undefined, refusal: undefined, ...said };
    const answer = bytesOf(method, said);
    acknowledged.push({ person, method, request, response, refusal, answer });
    if ('refusal' in said) throw said.refusal;
    return said.response as MessageShape<Method['output']>;
  }

  return {
    service,
    acknowledged,
    failures,
    write,
    insist: (person, send) => insist(person, failures, send),
    async repeat(asked) {
      const doors = doorsOf(asked.method, asked.person);
      const said = await Promise.all(doors.map((_, door) => ask(asked, door)));
      return said.map((each) => bytesOf(asked.method, each));
    },
  };
}

/** What a method was asked for and what it did, refusals left out. */
export function answersOf<Method extends DescMethodUnary>(
  acknowledged: readonly Acknowledged[],
  method: Method,
): { request: MessageInitShape<Method['input']>; response: MessageShape<Method['output']> }[] {
  const answered = acknowledged.filter((each) => each.method === method && each.response);
  return answered as unknown as ReturnType<typeof answersOf<Method>>;
}

/** The ids of a request, which all belong to one answer. */
export function idOf(request: Asked): string {
  if ('requestId' in request) return request.requestId;
  return request.requests.map(({ requestId }) => requestId).join(' ');
}

/** An answer in which nothing is left open: an item of a batch may be, and then all is asked for again. */
function whole(response: Message): Message {
  const { results } = response as { results?: readonly BatchResult<Message>[] };
  for (const outcome of batchOutcomes(results ?? [])) {
    if ('error' in outcome && isPassing(outcome.error)) throw outcome.error;
  }
  return response;
}

function bytesOf(
  method: DescMethodUnary,
  said: { response: Message } | { refusal: RpcError },
): Uint8Array {
  if ('response' in said) return toBinary(method.output, said.response);
  const { code, reason, details } = said.refusal;
  return details ?? Buffer.from(`${code}/${reason}`);
}
