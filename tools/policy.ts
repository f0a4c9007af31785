// Prints who may call what, straight from the contract: npm run policy [-- order]
import { registry } from '#services/registry.ts';
import { allServices } from './check/contract.ts';
import { isNamed, policyTables } from './policy/table.ts';
import { say } from './run.ts';
import { runTool, UsageError } from './tool.ts';

const usage = `npm run policy -- [words]
  without words every method; with some, those that have one in their name or their service's:
  npm run policy -- order
  npm run policy -- OrderService/Create notification`;

await runTool(usage, { allowPositionals: true }, ({ positionals: words }) => {
  const services = allServices();
  const methods = services.flatMap((service) => service.methods);
  const unknown = words.find((word) => !methods.some((method) => isNamed(method, word)));
  if (unknown !== undefined) {
    throw new UsageError(`no method or service has "${unknown}" in its name`);
  }
  const known = new Set(registry.map(({ name }) => name));
  for (const line of policyTables(services, { words, known })) say(line);
});
