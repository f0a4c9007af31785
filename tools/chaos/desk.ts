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
import type { CallOptions } from '#kit/rpc/client/client.ts';
import { serviceOfType } from '#kit/service.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { type Failures, insist } from './patience.ts';
import type { Person } from './shop.ts';

/** A write that was answered, and what the answer was. */
export interface Acknowledged {
  /** Who asked; undefined for the order service itself. */
  person: Person | undefined;
  method: DescMethodUnary;
  request: { requestId: string };
  /** Undefined when the answer was a refusal. */
  response: Message | undefined;
  answer: Uint8Array;
}

export interface Desk {
  readonly acknowledged: readonly Acknowledged[];
  readonly failures: Failures;
  /**
   * Sends a write until it is answered, first to the given door and then to the others in turn, and remembers the answer.
   * Throws the RpcError of a refusal, which is an answer too.
   */
  write<Method extends DescMethodUnary>(
    person: Person | undefined,
    method: Method,
    request: MessageInitShape<Method['input']> & { requestId: string },
    door?: number,
  ): Promise<MessageShape<Method['output']>>;
  /** Asks for the same once more, at each door. */
  repeat(acknowledged: Acknowledged): Promise<Uint8Array[]>;
}

type Send = (request: object, options?: CallOptions) => Promise<Message>;

export function openDesk(mesh: Mesh): Desk {
  const acknowledged: Acknowledged[] = [];
  const failures: Failures = new Map();
  const clients = new Map<string, Record<string, Send>>();

  function clientOf(service: DescService, target: string, as: { service?: string }) {
    const key = `${service.typeName} ${target} ${as.service}`;
    const client = clients.get(key) ?? (mesh.client(service, target, as) as Record<string, Send>);
    clients.set(key, client);
    return client;
  }

  /** People may go to the service itself or to the public door; the order service has one way. */
  function doorsOf(method: DescMethodUnary, person: Person | undefined): Send[] {
    const own = serviceOfType(method.parent.typeName);
    const targets = person === undefined ? [own] : [own, 'platform.gateway'];
    const as = person === undefined ? { service: 'commerce.order' } : {};
    return targets.map((target) => clientOf(method.parent, target, as)[method.localName]!);
  }

  async function ask(
    { person, method, request }: Pick<Acknowledged, 'person' | 'method' | 'request'>,
    door: number,
  ): Promise<{ response: Message } | { refusal: RpcError }> {
    const doors = doorsOf(method, person);
    try {
      const response = await insist(person, failures, (attempt) =>
        doors[(door + attempt) % doors.length]!(request, person),
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
    request: MessageInitShape<Method['input']> & { requestId: string },
    door = 0,
  ): Promise<MessageShape<Method['output']>> {
    const said = await ask({ person, method, request }, door);
    const response = 'response' in said ? said.response : undefined;
    acknowledged.push({ person, method, request, response, answer: bytesOf(method, said) });
    if ('refusal' in said) throw said.refusal;
    return said.response as MessageShape<Method['output']>;
  }

  return {
    acknowledged,
    failures,
    write,
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

function bytesOf(
  method: DescMethodUnary,
  said: { response: Message } | { refusal: RpcError },
): Uint8Array {
  if ('response' in said) return toBinary(method.output, said.response);
  const { code, reason, details } = said.refusal;
  return details ?? Buffer.from(`${code}/${reason}`);
}
