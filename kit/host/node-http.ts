/**
 * Node's HTTP/1.1 servers without its WebSocket and the HTTP client behind it, 5 MB. The first `import` of `node:http`
 * anywhere reads all of its names, and Node loads that client when the name of its WebSocket is read. So the module is
 * taken as it is, and those names from it before a library imports it: connect-node does, in the gateway.
 */
const http = process.getBuiltinModule('node:http');
for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) Reflect.deleteProperty(http, name);

/** Node's own. To be imported from here wherever an HTTP/1.1 server is made. */
export const { createServer } = http;
