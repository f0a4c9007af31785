// The server side of the rpc benchmark: all three servers in one process, asked for its CPU time between the runs.
import { type Credentials, serve, ways } from './rpc-peers.ts';

const identity = JSON.parse(process.argv[2]!) as Credentials;
const addresses: Record<string, string> = {};
for (const way of ways) addresses[way] = await serve(way, identity);
process.on('message', () => process.send!({ cpu: process.cpuUsage() }));
process.on('disconnect', () => process.exit(0));
process.send!({ addresses });
