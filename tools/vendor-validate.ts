// Prints buf/validate/validate.proto from the descriptor that @bufbuild/protovalidate embeds, because no npm package
// carries the .proto itself. Run it after an upgrade of that package. The CEL text of the standard rules is left out:
// the runtime has its own copy, and the compiler needs only the shapes.
import { mkdirSync, writeFileSync } from 'node:fs';
import type { DescEnum, DescExtension, DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { file_buf_validate_validate as file } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

const target = new URL('../third_party/protovalidate/buf/validate/validate.proto', import.meta.url);

function typeName(field: DescField | DescExtension): string {
  if (field.fieldKind === 'map') {
    const value =
      field.mapKind === 'scalar'
        ? ScalarType[field.scalar].toLowerCase()
        : `.${(field.mapKind === 'enum' ? field.enum : field.message).typeName}`;
    return `map<${ScalarType[field.mapKey].toLowerCase()}, ${value}>`;
  }
  if (field.message) return `.${field.message.typeName}`;
  if (field.enum) return `.${field.enum.typeName}`;
  return ScalarType[field.scalar as ScalarType].toLowerCase();
}

function fieldLine(field: DescField | DescExtension, inOneof: boolean): string {
  const isRepeated = field.fieldKind === 'list';
  const label = field.fieldKind === 'map' || inOneof ? '' : isRepeated ? 'repeated ' : 'optional ';
  return `${label}${typeName(field)} ${field.name} = ${field.number};`;
}

function* enumLines(desc: DescEnum, indent: string): Generator<string> {
  yield `${indent}enum ${desc.name} {`;
  if (desc.proto.options?.allowAlias) yield `${indent}  option allow_alias = true;`;
  for (const value of desc.values) yield `${indent}  ${value.name} = ${value.number};`;
  yield `${indent}}`;
}

function* messageLines(desc: DescMessage, indent: string): Generator<string> {
  const inner = `${indent}  `;
  yield `${indent}message ${desc.name} {`;
  for (const nested of desc.nestedEnums) yield* enumLines(nested, inner);
  for (const nested of desc.nestedMessages) yield* messageLines(nested, inner);
  for (const member of desc.members) {
    if (member.kind === 'field') {
      yield `${inner}${fieldLine(member, false)}`;
      continue;
    }
    yield `${inner}oneof ${member.name} {`;
    for (const field of member.fields) yield `${inner}  ${fieldLine(field, true)}`;
    yield `${inner}}`;
  }
  for (const range of desc.proto.extensionRange) {
    const end = range.end > 536_870_911 ? 'max' : String(range.end - 1);
    yield `${inner}extensions ${range.start} to ${end};`;
  }
  yield `${indent}}`;
}

function* lines(): Generator<string> {
  yield '// Printed by tools/vendor-validate.ts from the descriptor in @bufbuild/protovalidate. Do not edit.';
  yield 'syntax = "proto2";';
  yield `package ${file.proto.package};`;
  for (const dependency of file.dependencies) yield `import "${dependency.proto.name}";`;
  for (const extension of file.extensions) {
    yield `extend .${extension.extendee.typeName} {`;
    yield `  ${fieldLine(extension, false)}`;
    yield '}';
  }
  for (const desc of file.enums) yield* enumLines(desc, '');
  for (const desc of file.messages) yield* messageLines(desc, '');
}

mkdirSync(new URL('.', target), { recursive: true });
writeFileSync(target, `${[...lines()].join('\n')}\n`);
process.stdout.write(`wrote ${target.pathname.split('/').slice(-5).join('/')}\n`);
