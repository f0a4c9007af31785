import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { watchFiles } from './watch.ts';

const file = 'services/commerce/order/rpc.ts';

let root: string;
let stop: () => void;
let told: string[];
beforeEach(() => {
  root = `${mkdtempSync(join(tmpdir(), 'meshwork-watch-'))}/`;
  for (const folder of ['kit', 'gen/common', 'services/commerce/order']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  writeFileSync(join(root, file), '1');
  told = [];
  stop = watchFiles(root, (path) => told.push(path));
});
afterEach(() => {
  stop();
  rmSync(root, { recursive: true });
});

/** Waits until a file is told, and forgets what was told so far. */
async function tells(path: string): Promise<void> {
  await expect.poll(() => told).toContain(path);
  told = [];
}

test('a file is told whenever it changes, also after an editor has put another in its place', async () => {
  appendFileSync(join(root, file), '2');
  await tells(file);
  writeFileSync(join(root, `${file}~`), '3');
  renameSync(join(root, `${file}~`), join(root, file));
  await tells(file);
  appendFileSync(join(root, file), '4');
  await tells(file);
});

test('files of a new folder, and of one that is made again, are told', async () => {
  mkdirSync(join(root, 'services/social/poll'), { recursive: true });
  writeFileSync(join(root, 'services/social/poll/rpc.ts'), '1');
  await tells('services/social/poll/rpc.ts');
  rmSync(join(root, 'gen'), { recursive: true });
  mkdirSync(join(root, 'gen/common'), { recursive: true });
  writeFileSync(join(root, 'gen/common/money_pb.ts'), '1');
  await tells('gen/common/money_pb.ts');
  appendFileSync(join(root, 'gen/common/money_pb.ts'), '2');
  await tells('gen/common/money_pb.ts');
});
