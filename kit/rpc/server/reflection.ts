import {
  createRegistry,
  type DescFile,
  type DescService,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { file_google_rpc_error_details } from '#gen/google/rpc/error_details_pb.ts';
import {
  ServerReflection as ReflectionV1,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponseSchema,
} from '#gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ReflectionV1Alpha } from '#gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { codes } from '../../errors.ts';
import { type Implementation, implement } from './handlers.ts';

type Request = MessageShape<typeof ServerReflectionRequestSchema>;
type Response = MessageInitShape<typeof ServerReflectionResponseSchema>;
type Answer = NonNullable<Response['messageResponse']>;

/**
 * Server reflection, v1 and v1alpha, over the descriptors of all that a server offers, so that grpcurl and `buf curl`
 * list and call everything without the .proto files. Source: grpc/reflection/v1/reflection.proto.
 */
export function createReflection(offered: () => readonly DescService[]): Implementation[] {
  let listed: readonly DescService[] = [];
  let index = createIndex(listed);

  function answer(request: Request): Answer {
    const services = [...offered(), ReflectionV1, ReflectionV1Alpha];
    // Each address that a server listens on may add what its engine offers.
    if (services.length !== listed.length) index = createIndex(services);
    listed = services;
    return answerOne(request, listed, index);
  }

  async function* serverReflectionInfo(requests: AsyncIterable<Request>) {
    for await (const request of requests) {
      yield {
        validHost: request.host,
        originalRequest: request,
        messageResponse: answer(request),
      };
    }
  }

  // The two versions differ in their package only, so one implementation serves both.
  return [
    implement(ReflectionV1, { serverReflectionInfo }),
    implement(ReflectionV1Alpha, { serverReflectionInfo } as never),
  ];
}

interface Index {
  byName: Map<string, DescFile>;
  bySymbol(symbol: string): DescFile | undefined;
  byExtension(type: string, number: number): DescFile | undefined;
  extensionNumbers(type: string): number[];
}

function createIndex(services: readonly DescService[]): Index {
  const byName = new Map<string, DescFile>();
  const visit = (file: DescFile) => {
    const name = file.proto.name;
    if (byName.has(name)) return;
    byName.set(name, file);
    file.dependencies.forEach(visit);
  };
  for (const { file } of services) visit(file);
  // No method names them, but every refusal carries some, and tools show only what they can look up.
  visit(file_google_rpc_error_details);
  const registry = createRegistry(...byName.values());
  const extensions = [...byName.values()].flatMap((file) => file.extensions);
  return {
    byName,
    bySymbol(symbol) {
      // A method, field or enum value is found with the thing that holds it.
      const parent = symbol.slice(0, Math.max(0, symbol.lastIndexOf('.')));
      return (registry.get(symbol) ?? registry.get(parent))?.file;
    },
    byExtension: (type, number) =>
      extensions.find((ext) => ext.extendee.typeName === type && ext.number === number)?.file,
    extensionNumbers: (type) =>
      extensions.filter((ext) => ext.extendee.typeName === type).map((ext) => ext.number),
  };
}

function answerOne(request: Request, services: readonly DescService[], index: Index): Answer {
  const asked = request.messageRequest;
  switch (asked.case) {
    case 'listServices': {
      const service = services.map(({ typeName }) => ({ name: typeName }));
      return { case: 'listServicesResponse', value: { service } };
    }
    case 'fileByFilename':
      return fileAnswer(index.byName.get(asked.value));
    case 'fileContainingSymbol':
      return fileAnswer(index.bySymbol(asked.value));
    case 'fileContainingExtension':
      return fileAnswer(index.byExtension(asked.value.containingType, asked.value.extensionNumber));
    case 'allExtensionNumbersOfType': {
      const extensionNumber = index.extensionNumbers(asked.value);
      return {
        case: 'allExtensionNumbersResponse',
        value: { baseTypeName: asked.value, extensionNumber },
      };
    }
    default:
      return failure(codes.invalid_argument, 'the request asks for nothing');
  }
}

/** The file and all that it imports, so that one question is enough. */
function fileAnswer(file: DescFile | undefined): Answer {
  if (file === undefined) return failure(codes.not_found, 'not found');
  const files = new Set<DescFile>();
  const visit = (next: DescFile) => {
    if (files.has(next)) return;
    files.add(next);
    next.dependencies.forEach(visit);
  };
  visit(file);
  const fileDescriptorProto = [...files].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function failure(errorCode: number, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode, errorMessage } };
}
