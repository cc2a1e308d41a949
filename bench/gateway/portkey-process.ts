import { once } from "node:events";
import http from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { connect, createServer, type AddressInfo } from "node:net";
import { NO_TIMEOUTS } from "./server-options.ts";

/**
 * Portkey's gateway as its package starts it. Where it sends and as which provider, the caller's headers say. Version 1.15.2 fails
 * on every stream with a newer @hono/node-server than 1.13.8, to which package.json holds it.
 */
const free = createServer().listen(0, "127.0.0.1");
await once(free, "listening");
const { port } = free.address() as AddressInfo;
free.close();
const plain = http.createServer;
// It passes no options of its own, and can't be given any.
http.createServer = ((...given: Parameters<typeof plain>) => Object.assign(plain(...given), NO_TIMEOUTS)) as typeof plain;
syncBuiltinESMExports();
process.argv.push("--headless", `--port=${String(port)}`);
await import(import.meta.resolve("@portkey-ai/gateway/build/start-server.js"));
const probe = connect(port, "127.0.0.1");
await once(probe, "connect");
probe.destroy();
process.send?.({ address: `127.0.0.1:${String(port)}` });
process.once("disconnect", () => process.exit());
