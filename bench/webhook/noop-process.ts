import { pino } from "pino";
import { Probot, Server } from "probot";
import { reservePort } from "#playground/reserved-port.ts";

/** Probot's own server with an app that does nothing: same version, same log, and the same App, as ours has. */
const [secret = "", apiUrl = "", appId = "", privateKey = ""] = process.argv.slice(2);
const { port } = await reservePort();
const server = new Server({
  Probot: Probot.defaults({ appId, privateKey, secret, baseUrl: apiUrl }),
  log: pino({ level: "info" }),
  host: "127.0.0.1",
  port,
});
await server.load((app) => {
  app.on("issues.labeled", async () => {});
});
await server.start();
process.send?.(`127.0.0.1:${String(port)}`);
process.once("disconnect", () => process.exit());
