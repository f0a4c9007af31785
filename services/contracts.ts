import type { DescService } from '@bufbuild/protobuf';
import { registry } from './registry.ts';

/** A service, and the services of the contract that it implements. */
export interface ServiceContracts {
  /** "<domain>.<service>" */
  name: string;
  contracts: readonly DescService[];
}

/** The contracts of every service: for those who must know them all, such as the gateway. */
export const serviceContracts: readonly ServiceContracts[] = await Promise.all(
  registry.map(async ({ name, contracts }) => ({ name, contracts: await contracts() })),
);
