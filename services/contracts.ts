import type { DescService } from '@bufbuild/protobuf';
import { type Registration, registry } from './registry.ts';

/** A service, and the services of the contract that it implements. */
export interface ServiceContracts {
  /** "<domain>.<service>" */
  name: string;
  contracts: readonly DescService[];
}

/** The registry names a contract that was never generated. */
export class ContractMissing extends Error {
  constructor(service: string, options?: ErrorOptions) {
    const remedy = 'write its .proto file and run npm run gen, or correct the entry';
    super(`services/registry.ts: a contract of ${service} is not in gen/: ${remedy}`, options);
  }
}

/** The contracts of every service: for those who must know them all, such as the gateway. Throws ContractMissing. */
export const serviceContracts: readonly ServiceContracts[] = await Promise.all(
  registry.map(async (registration) => ({
    name: registration.name,
    contracts: await contractsOf(registration),
  })),
);

async function contractsOf({ name, contracts }: Registration): Promise<readonly DescService[]> {
  const found = await contracts().catch((cause) => {
    throw new ContractMissing(name, { cause });
  });
  // A name that a generated file does not export is undefined.
  if (found.some((contract) => contract === undefined)) throw new ContractMissing(name);
  return found;
}
