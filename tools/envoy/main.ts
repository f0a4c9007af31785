// Writes deploy/envoy/envoy.yaml from the contract; run by npm run gen.
import { writeFileSync } from 'node:fs';
import { root, say } from '../run.ts';
import { deployedEnvoy } from './deployed.ts';

writeFileSync(`${root}deploy/envoy/envoy.yaml`, deployedEnvoy());
say('deploy/envoy/envoy.yaml is what proto/ says');
