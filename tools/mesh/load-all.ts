// Loads all that the processes of a mesh load, and ends: for tools/mesh/compile-cache.ts.
import { registry } from '#services/registry.ts';

// The entries load first and read their settings then; without any they give up, and nothing is started.
await import('#services/main.ts');
await import('#services/finance/payment/sandbox/main.ts');
await Promise.all(registry.map(({ load }) => load()));
// Loaded by the processes that need them: the gateway's part of the kit, all contracts, the client of Redis.
await import('#kit/edge/engine.ts');
await import('#services/contracts.ts');
await import('ioredis');
