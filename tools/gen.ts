// Generates everything that follows from proto/: npm run gen
import { run, say } from './run.ts';

async function main(): Promise<void> {
  const { code, output } = await run('buf', ['generate']);
  if (code !== 0) throw new Error(output.trim());
  say('gen/ is what proto/ says');
  // Read only now, for it is made from what was just generated.
  await import('./envoy/main.ts');
}

main().catch((error) => {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
