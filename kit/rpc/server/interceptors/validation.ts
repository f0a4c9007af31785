import type { DescMessage, Message } from '@bufbuild/protobuf';
import { createValidator, type Validator } from '@bufbuild/protovalidate';
import { FieldsInvalid } from '../../../mesh-errors.ts';
import type { ServerInterceptor } from '../interceptor.ts';
import { settleTexts } from '../texts.ts';

/** Holds every request message to the rules that its fields carry in the contract, and settles its texts. */
export function validationInterceptor(): ServerInterceptor {
  const validator = createValidator();
  return {
    name: 'validation',
    request(call, message) {
      check(validator, call.method.input, message);
      settleTexts(call.method.input, message);
    },
  };
}

function check(validator: Validator, schema: DescMessage, message: Message): void {
  const result = validator.validate(schema, message);
  if (result.kind === 'valid') return;
  if (result.kind === 'error') throw result.error;
  // A key that breaks its own rule may be anything that a caller had at hand, so it is not repeated to anybody.
  const broken = new Set(
    result.violations.filter(({ forKey }) => forKey).map(({ field }) => keyOf(field.at(-1)!)),
  );
  throw new FieldsInvalid(
    result.violations.map((violation) => ({
      field: violation.field
        .map((step) => (broken.has(keyOf(step)) ? '[]' : pathStep(step)))
        .join('')
        .replace(/^\./, ''),
      description: violation.message,
    })),
  );
}

type PathStep = { kind: string; name?: string; index?: number; key?: unknown };

/** The key of a step into a map; else a value that no key has. */
function keyOf(step: PathStep): unknown {
  return step.kind === 'map_sub' ? step.key : step;
}

function pathStep(step: PathStep): string {
  if (step.kind === 'list_sub') return `[${step.index}]`;
  if (step.kind === 'map_sub') return `[${String(step.key)}]`;
  return `.${step.name ?? step.kind}`;
}
