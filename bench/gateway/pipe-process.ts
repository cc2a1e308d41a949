import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { LISTEN, NO_TIMEOUTS } from "./server-options.ts";

/** What forwarding costs at least with node:http: no check, no swap, no meter. */
const [host, port] = (process.argv[2] ?? "").split(":");
const agent = new Agent({ keepAlive: true });
const server = createServer(NO_TIMEOUTS, (from, to) => {
  const options = { host, port, agent, method: from.method, path: from.url, headers: from.headers };
  const onward = request(options, (answer) => {
    to.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(to);
  });
  onward.on("error", () => to.destroy());
  to.on("close", () => onward.destroy());
  from.pipe(onward);
});
server.listen(LISTEN, () => process.send?.({ address: `127.0.0.1:${String((server.address() as AddressInfo).port)}` }));
process.once("disconnect", () => process.exit());
