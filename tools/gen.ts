// Generates everything that follows from proto/: npm run gen
import { run, say } from './run.ts';

const { code, output } = await run('buf', ['generate']);
say(code === 0 ? 'gen/ is what proto/ says' : output);
process.exitCode = code;
