import { readdirSync, readFileSync } from 'node:fs';
import type { DescService } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { OpsService } from '#gen/platform/ops/v1/ops_pb.ts';
import { type ServiceContracts, serviceContracts } from '#services/contracts.ts';
import { root } from '#tools/run.ts';
import { declaredReasons } from '../support/refusals.ts';

/** Where refusals are written, and the contracts that must know them. */
interface Owner {
  name: string;
  contracts: readonly DescService[];
  /** Text of the files that hold the error classes. */
  code: string;
}

function ownerOf({ name, contracts }: ServiceContracts): Owner {
  const folder = `${root}services/${name.replace('.', '/')}`;
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const domain = files.filter((file) => /^domain(\/.*)?\.ts$/.test(file) && !/\.test\./.test(file));
  const code = domain.map((file) => readFileSync(`${folder}/${file}`, 'utf8')).join('\n');
  return { name, contracts, code };
}

const owners: Owner[] = [
  ...serviceContracts.filter(({ contracts }) => contracts.length > 0).map(ownerOf),
  {
    name: 'the kit’s ops',
    contracts: [OpsService],
    code: readFileSync(`${root}kit/host/ops.ts`, 'utf8'),
  },
];

function thrownBy({ code }: Owner): string[] {
  return [...code.matchAll(/readonly reason = '([A-Z0-9_]+)'/g)].map((match) => match[1]!).sort();
}

/** The comments of all methods, without those of the enum itself. */
function commentsOf({ contracts }: Owner): string {
  return contracts
    .map(({ file }) => readFileSync(`${root}proto/${file.name}.proto`, 'utf8'))
    .map((text) => text.slice(text.indexOf('\nservice '), text.indexOf('\n}\n')))
    .join('\n');
}

describe.each(owners)('the reasons of $name', (owner) => {
  test('are those of its contract, one class each', () => {
    const declared = new Set(owner.contracts.flatMap((service) => [...declaredReasons(service)]));
    expect(thrownBy(owner)).toEqual([...declared].sort());
  });

  test('are documented at the methods that give them', () => {
    const comments = commentsOf(owner);
    const silent = thrownBy(owner).filter(
      (reason) => !new RegExp(`\\b${reason}\\b`).test(comments),
    );
    expect(silent).toEqual([]);
  });
});
