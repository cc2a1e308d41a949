import { createServer } from "node:http";
import { z } from "zod";
import { listen } from "#playground/runner/listen.ts";

/** How the provider answers one request: with this, never, or by dropping the connection once it has begun. */
export type Reply =
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body: string }
  | "hang"
  | "hang-in-body"
  | "drop";

const Request = z.looseObject({
  system: z.string(),
  messages: z.array(z.object({ role: z.string(), content: z.string() })),
  output_config: z.object({ format: z.object({ type: z.string(), schema: z.unknown() }) }),
});

export type Asked = {
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: z.infer<typeof Request>;
};

/** Anthropic's side of the classifier, on loopback: it says what it is told to, the last for ever. */
export type Provider = AsyncDisposable & { readonly url: string; readonly asked: readonly Asked[] };

export async function startProvider(...replies: readonly Reply[]): Promise<Provider> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
    request.on("end", () => {
      const reply = replies[Math.min(asked.length, replies.length - 1)] ?? "drop";
      asked.push({ path: request.url ?? "", headers: request.headers, body: Request.parse(JSON.parse(body)) });
      if (reply === "drop") response.destroy();
      else if (reply === "hang-in-body") response.writeHead(200, { "content-type": "application/json" }).write('{"id":');
      else if (reply !== "hang") {
        response.writeHead(reply.status ?? 200, { "content-type": "application/json", ...reply.headers });
        response.end(reply.body);
      }
    });
  });
  const { url, close } = await listen(server);
  return { url, asked, [Symbol.asyncDispose]: close };
}

/** A message as the API gives it. `text`: what the model says. */
export function message(text: string, overrides: object = {}): Reply {
  const whole = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-haiku-5-5",
    content: [{ type: "text", text }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 800, output_tokens: 20, cache_creation_input_tokens: null, cache_read_input_tokens: null },
    ...overrides,
  };
  return { body: JSON.stringify(whole) };
}

export function says(size: string, sure: string): Reply {
  return message(JSON.stringify({ size, sure }));
}

/** An error as the API gives it. */
export function refusal(status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers, body: JSON.stringify({ type: "error", error: { type: "api_error", message: "no" } }) };
}
