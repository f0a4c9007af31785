/**
 * Makes Node's HTTP/1.1 servers. An import of `node:http` reads all of its names, among them those of an HTTP client that
 * Node loads when it is first asked for, 5 MB; to take the module as it is reads nothing.
 */
export const { createServer } = process.getBuiltinModule('node:http');
