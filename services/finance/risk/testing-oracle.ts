/** Conditions as the library evaluates them: slow, and the measure of what they mean. For tests and benchmarks. */
import { type CelInput, celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import { type Inputs, variables } from './domain/variables.ts';

/** The values of a condition; undefined where CEL has an error. */
export type Oracle = (bindings: Bindings) => boolean | undefined;

export type Bindings = Record<string, CelInput>;

const env = celEnv();

export function createOracle(condition: string): Oracle {
  const evaluate = plan(env, parse(condition).expr);
  return (bindings) => {
    const value = evaluate(bindings as never);
    if (isCelError(value)) return undefined;
    return value as boolean;
  };
}

/** Inputs as the library takes them: an object for each part of a name. */
export function bindingsOf(inputs: Inputs): Bindings {
  const root: Record<string, CelInput> = {};
  variables.forEach(({ name }, i) => {
    const path = name.split('.');
    let at = root;
    for (const part of path.slice(0, -1)) {
      at[part] ??= {};
      at = at[part] as Record<string, CelInput>;
    }
    at[path.at(-1)!] = inputs[i]!;
  });
  return root;
}
