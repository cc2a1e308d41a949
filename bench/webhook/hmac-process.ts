import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What taking a webhook costs at least: the body, its signature, and an answer. */
const [secret = ""] = process.argv.slice(2);
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const given = Buffer.from(String(request.headers["x-hub-signature-256"]));
    const right = Buffer.from(`sha256=${createHmac("sha256", secret).update(Buffer.concat(chunks)).digest("hex")}`);
    const isRight = given.length === right.length && timingSafeEqual(given, right);
    response.writeHead(isRight ? 200 : 400, { "content-length": "3" }).end("ok\n");
  });
});
server.listen(0, "127.0.0.1", () => process.send?.(`127.0.0.1:${String((server.address() as AddressInfo).port)}`));
process.once("disconnect", () => process.exit());
