// Generates everything that follows from proto/: npm run gen
import { run, say } from './run.ts';
import { runTool } from './tool.ts';

const usage = `npm run gen
  writes gen/ and deploy/envoy/ anew from proto/`;

await runTool(usage, {}, async () => {
  const { code, output } = await run('buf', ['generate']);
  if (code !== 0) throw new Error(output.trim());
  say('gen/ is what proto/ says');
  // Read only now, for it is made from what was just generated.
  await import('./envoy/main.ts');
});
