import { Agent, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createProxyServer } from "http-proxy-3";
import { LISTEN, NO_TIMEOUTS } from "./server-options.ts";

/** http-proxy-3 with the one thing of ours that it can do: it sets the key's header. */
const proxy = createProxyServer({
  target: `http://${process.argv[2] ?? ""}`,
  agent: new Agent({ keepAlive: true }),
  headers: { "x-api-key": "sk-ant-api03-the-real-key" },
});
proxy.on("error", (_cause, _request, to) => to.destroy());
const server = createServer(NO_TIMEOUTS, (request, response) => proxy.web(request, response));
server.listen(LISTEN, () => process.send?.({ address: `127.0.0.1:${String((server.address() as AddressInfo).port)}` }));
process.once("disconnect", () => process.exit());
