import { setFlagsFromString } from 'node:v8';

/**
 * Ends the start of a process: to be called when it serves, before its first call, for it stops the process for some 50 ms.
 *
 * What the start left behind is given back, 15 to 20 MB, which V8 would keep for as long as there is little to do (with
 * Node's flag --expose-gc only). And V8 may optimize from here on. Its optimizing compilers take 10 MB as soon as they
 * compile anything, and what a start does often is done never again; so tools/mesh/node.ts starts processes with filters
 * that let no function through. V8 reads them at each decision (src/execution/tiering-manager.cc), and code that was hot
 * before is looked at again.
 */
export function afterStart(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  for (const compiler of ['maglev', 'turbo']) setFlagsFromString(`--${compiler}-filter=*`);
}
