import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A model server for tests of the Action: records what reaches it, answers what the test says. */
export type Model = AsyncDisposable & { readonly url: URL; readonly seen: Seen[] };
export type Seen = {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
  readonly raw: string;
  aborted: boolean;
};
export type Reply = (response: ServerResponse, seen: Seen, nth: number) => void | Promise<void>;

export async function startModel(reply: Reply): Promise<Model> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const raw = Buffer.concat(chunks).toString("utf8");
      const body = JSON.parse(raw || "{}") as Record<string, unknown>;
      const one: Seen = { path: request.url ?? "", headers: request.headers, body, raw, aborted: false };
      response.on("close", () => (one.aborted = !response.writableFinished));
      seen.push(one);
      void reply(response, one, seen.length - 1);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type Block = { readonly text: string } | { readonly tool: string; readonly input: Readonly<Record<string, unknown>> };

/** One assistant message as Anthropic streams it: 100 input, 10 cache-read, 5 cache-write, 42 output tokens. */
export function toEvents(block: Block): string[] {
  const event = (type: string, data: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
  const usage = { input_tokens: 100, output_tokens: 1, cache_read_input_tokens: 10, cache_creation_input_tokens: 5 };
  const start =
    "text" in block
      ? { type: "text", text: "" }
      : { type: "tool_use", id: `toolu_${Math.trunc(performance.now() * 1000)}`, name: block.tool, input: {} };
  const delta =
    "text" in block
      ? { type: "text_delta", text: block.text }
      : { type: "input_json_delta", partial_json: JSON.stringify(block.input) };
  return [
    event("message_start", {
      message: {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "m",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage,
      },
    }),
    event("content_block_start", { index: 0, content_block: start }),
    event("content_block_delta", { index: 0, delta }),
    event("content_block_stop", { index: 0 }),
    event("message_delta", {
      delta: { stop_reason: "text" in block ? "end_turn" : "tool_use", stop_sequence: null },
      usage: { ...usage, output_tokens: 42 },
    }),
    event("message_stop", {}),
  ];
}

export function sendStream(response: ServerResponse, block: Block): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(toEvents(block).join(""));
}

export function sendError(response: ServerResponse, status: number, type: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ type: "error", error: { type, message: "scripted" } }));
}

/** How many tools the conversation has run: the turn of a stateless script. */
export function turnOf(body: Record<string, unknown>): number {
  const messages = body["messages"] as { content: unknown }[];
  return messages
    .flatMap((it) => (Array.isArray(it.content) ? (it.content as { type: string }[]) : []))
    .filter((it) => it.type === "tool_result").length;
}
