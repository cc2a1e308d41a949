import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { listen } from "#playground/runner/listen.ts";

/** One request and its answer, as they crossed the wire. */
export type Exchange = {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  answer: string;
};

export type Recorder = AsyncDisposable & { readonly url: string; exchanges(): readonly Exchange[] };

/** Stands before a server and keeps what crosses; answers stream through. */
export async function startRecorder(target: string): Promise<Recorder> {
  const exchanges: Exchange[] = [];
  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await read(incoming);
    const { method = "GET", url = "/", headers } = incoming;
    const exchange: Exchange = {
      method,
      path: url,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
      body: bytes.toString("utf8"),
      answer: "",
    };
    exchanges.push(exchange);
    const outgoing = request(new URL(target).origin + url, { method, headers }, (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.on("data", (chunk: Buffer) => (exchange.answer += chunk.toString("utf8")));
      answered.on("error", () => response.destroy());
      answered.pipe(response);
    });
    outgoing.on("error", () => response.destroy());
    response.on("close", () => outgoing.destroy());
    outgoing.end(bytes);
  }

  const server = createServer((incoming, response) => void pass(incoming, response));
  const listening = await listen(server);
  return { url: listening.url, exchanges: () => exchanges, [Symbol.asyncDispose]: listening.close };
}

async function read(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch {
    // Broken off: what came is kept.
  }
  return Buffer.concat(chunks);
}
