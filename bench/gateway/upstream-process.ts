import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LISTEN, NO_TIMEOUTS } from "./server-options.ts";
import { type Answer, BURST_EVENTS, CLOSING, DELTA, JSON_ANSWER, LONG, OPENING, PACED } from "./traffic.ts";

/** The scripted provider, in a process of its own. It reads each request to its end, and answers all alike, as it was last told to. */
const JSON_HEADERS = { "content-type": "application/json", "content-length": String(Buffer.byteLength(JSON_ANSWER)) };
const SSE_HEADERS = { "content-type": "text/event-stream" };
const BURST = Buffer.from(OPENING + DELTA.repeat(BURST_EVENTS) + CLOSING);

/** One event at a time, each on its own. */
function pace(response: ServerResponse, { events, everyMs }: { readonly events: number; readonly everyMs: number }): void {
  response.writeHead(200, SSE_HEADERS).write(OPENING);
  let left = events;
  const timer = setInterval(() => {
    if (left === 0) {
      clearInterval(timer);
      response.end(CLOSING);
    } else response.write(DELTA);
    left -= 1;
  }, everyMs);
  response.once("close", () => clearInterval(timer));
}

const REPLIES: Readonly<Record<Answer, (response: ServerResponse) => void>> = {
  json: (response) => response.writeHead(200, JSON_HEADERS).end(JSON_ANSWER),
  burst: (response) => response.writeHead(200, SSE_HEADERS).end(BURST),
  paced: (response) => pace(response, PACED),
  long: (response) => pace(response, LONG),
};

let answer: Answer = "json";
process.on("message", (next: Answer) => (answer = next));
const server = createServer({ keepAliveTimeout: 600_000, ...NO_TIMEOUTS }, (request, response) => {
  request.resume().once("end", () => REPLIES[answer](response));
});
server.listen(LISTEN, () => process.send?.({ address: `127.0.0.1:${String((server.address() as AddressInfo).port)}` }));
process.once("disconnect", () => process.exit());
