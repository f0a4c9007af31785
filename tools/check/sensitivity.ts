/** Fields whose names say that they hold a secret or describe a person must be marked so in the contract. */
import {
  type DescField,
  type DescMessage,
  type DescService,
  getOption,
  ScalarType,
} from '@bufbuild/protobuf';
import { Sensitivity, sensitivity } from '#gen/platform/policy/v1/policy_pb.ts';

const secrets =
  /^(.*_)?(password|secret|signature|private_key)$|^(access|refresh|payment|service)_token$/;
const persons =
  /^(email|phone|recipient|city|postal_code|postal_address|shipping_address|device_name)$/;

/** What a field is marked as, SENSITIVITY_UNSPECIFIED where it has no mark. */
export function sensitivityOf(field: DescField): Sensitivity {
  return getOption(field, sensitivity);
}

/** A line for each field of any request or answer that says what it is and is not marked so. */
export function findUnmarked(services: readonly DescService[]): string[] {
  return [...messagesOf(services)].flatMap(({ file, typeName, fields }) =>
    fields.flatMap((field) => {
      const wanted = markOf(field);
      if (wanted === undefined || sensitivityOf(field) === wanted) return [];
      const mark = `(platform.policy.v1.sensitivity) = SENSITIVITY_${nameOf(wanted)}`;
      return [`proto/${file.name}.proto: ${typeName}.${field.name} needs ${mark}`];
    }),
  );
}

function markOf(field: DescField): Sensitivity | undefined {
  const holdsText = field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES;
  if (!holdsText && field.message === undefined) return undefined;
  if (secrets.test(field.name)) return Sensitivity.SECRET;
  return persons.test(field.name) ? Sensitivity.PERSONAL : undefined;
}

function nameOf(value: Sensitivity): string {
  return value === Sensitivity.SECRET ? 'SECRET' : 'PERSONAL';
}

/** Every message that a method takes or gives, those inside others included. */
function messagesOf(services: readonly DescService[]): Set<DescMessage> {
  const seen = new Set<DescMessage>();
  const visit = (message: DescMessage) => {
    if (seen.has(message) || message.typeName.startsWith('google.')) return;
    seen.add(message);
    for (const { message: inner } of message.fields) if (inner) visit(inner);
  };
  for (const { methods } of services) {
    for (const { input, output } of methods) {
      visit(input);
      visit(output);
    }
  }
  return seen;
}
