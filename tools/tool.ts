/** What the commands of package.json have in common: arguments, --help, and one way to fail. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { say } from './run.ts';

/** What was typed is no command; the message says why in one sentence, and the usage is shown below it. */
export class UsageError extends Error {}

type Parsed<Config extends ParseArgsConfig> = ReturnType<typeof parseArgs<Config>>;

/**
 * Reads the arguments of a command and does its work. --help prints the usage; whatever is wrong is said without a stack,
 * and ends the process with code 1.
 */
export async function runTool<const Config extends ParseArgsConfig>(
  usage: string,
  config: Config,
  work: (parsed: Parsed<Config>) => void | Promise<void>,
): Promise<void> {
  process.stdout.on('error', ignoreClosedPipe);
  try {
    const parsed = readArguments(config);
    if (parsed === 'help') return say(usage);
    await work(parsed);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    if (error instanceof UsageError) say(usage);
    process.exit(1);
  }
}

function readArguments<Config extends ParseArgsConfig>(config: Config): Parsed<Config> | 'help' {
  const options = { ...config.options, help: { type: 'boolean', short: 'h' } } as const;
  try {
    const parsed = parseArgs({ ...config, options });
    return 'help' in parsed.values ? 'help' : (parsed as Parsed<Config>);
  } catch (error) {
    // After its first sentence the message goes on about dashes.
    const [sentence] = (error as Error).message.split(/\. |\n/);
    throw new UsageError(sentence);
  }
}

/** Whoever read along has seen enough, as `head` has; the work goes on. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

/** Arguments as a shell takes them, each in quotes where it has to be. */
export function shellWords(words: readonly string[]): string {
  const isPlain = /^[\w./:=@%+,-]+$/;
  return words
    .map((word) => (isPlain.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}
