// Writes deploy/envoy/ from the contract; run by npm run gen.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { root, say } from '../run.ts';
import { deployedEnvoy } from './deployed.ts';

for (const [path, text] of deployedEnvoy()) {
  mkdirSync(dirname(root + path), { recursive: true });
  writeFileSync(root + path, text);
}
say('deploy/envoy/ is what proto/ says');
