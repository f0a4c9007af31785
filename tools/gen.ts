// Generates everything that follows from proto/: npm run gen
import { run, say } from './run.ts';

const { code, output } = await run('buf', ['generate']);
say(code === 0 ? 'gen/ is what proto/ says' : output);
process.exitCode = code;
// Read only now, for it is made from what was just generated.
if (code === 0) await import('./envoy/main.ts');
