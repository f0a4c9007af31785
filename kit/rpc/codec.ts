/** The two forms in which a message comes to a dispatcher and leaves it: as bytes over a wire, or as itself. */
import {
  create,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { FieldsInvalid } from '../mesh-errors.ts';
import './write-buffer.ts';

/** Reads requests and writes responses in one of the forms. */
export interface Form<Body> {
  /** Throws FieldsInvalid when the body is no message of this type. */
  read(schema: DescMessage, body: Body): Message;
  /** Takes a message or its initialiser, as handlers give it. */
  write(schema: DescMessage, message: MessageInitShape<DescMessage>): Body;
}

/** Messages as they come over a wire. */
export const bytesForm: Form<Uint8Array> = {
  read(schema, body) {
    try {
      return fromBinary(schema, body);
    } catch {
      const description = `the bytes are not a ${schema.typeName}`;
      throw new FieldsInvalid([{ field: '', description }]);
    }
  },
  write: (schema, message) => encoded.get(message) ?? toBinary(schema, create(schema, message)),
};

const encoded = new WeakMap<object, Uint8Array>();

/** Notes the bytes of a message that nobody changes any more: on its way out it is not encoded again. */
export function noteBytes(message: Message, bytes: Uint8Array): void {
  encoded.set(message, bytes);
}

/** Messages that never leave the process. */
export const messageForm: Form<Message> = {
  read: (_, body) => body,
  write: create,
};
