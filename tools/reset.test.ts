import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from './run.ts';
import { endLauncher, isUp, testTimeoutMs, useServers } from './servers/fixture.ts';

describe('npm run reset', { timeout: testTimeoutMs }, () => {
  const fixture = useServers();
  const reset = () => run('node', ['tools/reset.ts', '--data-dir', fixture.dataDir]);

  test('refuses while a platform runs, and takes along what a killed one left behind', async () => {
    const platform = await fixture.openElsewhere();
    const refused = await reset();
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.output).toContain(`(process ${platform.process.pid}); stop it first`);
    const isEveryUp = () => platform.pids.map((pid) => isUp({ pid }));
    expect(isEveryUp()).toEqual([true, true, true]);

    await endLauncher(platform.process);
    expect(await reset()).toMatchObject({ code: 0 });
    expect(isEveryUp()).toEqual([false, false, false]);
    expect(existsSync(fixture.dataDir)).toBe(false);
    expect(await reset()).toMatchObject({ code: 0 });
  });

  test('leaves a folder alone in which no platform ever was', async () => {
    const photo = join(fixture.dataDir, 'photo.jpg');
    writeFileSync(photo, 'irreplaceable');
    expect(await reset()).toEqual({
      code: 1,
      output: `${fixture.dataDir} is no data folder of a platform: it stays\n`,
    });
    expect(existsSync(photo)).toBe(true);
  });
});
