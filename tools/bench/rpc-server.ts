// The server side of the rpc benchmark: one way to answer calls, in a process of its own, as it would be in a mesh.
import { type Credentials, serve, type Way } from './rpc-peers.ts';

const [way, identity] = process.argv.slice(2) as [Way, string];
const address = await serve(way, JSON.parse(identity) as Credentials);
// Asked for its CPU time between the turns.
process.on('message', () => process.send!({ cpu: process.cpuUsage() }));
process.on('disconnect', () => process.exit(0));
process.send!({ address });
