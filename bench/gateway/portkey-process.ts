import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";

/**
 * Portkey's gateway as its package starts it. Where it sends and as which provider, the caller's headers say. Version 1.15.2 fails
 * on every stream with a newer @hono/node-server than 1.13.8, to which package.json holds it.
 */
const free = createServer().listen(0, "127.0.0.1");
await once(free, "listening");
const { port } = free.address() as AddressInfo;
free.close();
process.argv.push("--headless", `--port=${String(port)}`);
await import(import.meta.resolve("@portkey-ai/gateway/build/start-server.js"));
const probe = connect(port, "127.0.0.1");
await once(probe, "connect");
probe.destroy();
process.send?.({ address: `127.0.0.1:${String(port)}` });
process.once("disconnect", () => process.exit());
