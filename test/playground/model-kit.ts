import type { Model } from "#playground/model/model.ts";

/** How a request of each format looks that offers a tool to write and one to run commands, and holds so many results of them. */
export type Format = {
  readonly path: string;
  body(turn: number): Readonly<Record<string, unknown>>;
};

const NAMES = ["write", "bash"];
const SYSTEM = "Working directory: /repo";

export const FORMATS = {
  anthropic: {
    path: "/v1/messages",
    body: (turn) => ({
      max_tokens: 1_000,
      system: SYSTEM,
      tools: NAMES.map((name) => ({ name, input_schema: { type: "object" } })),
      messages: [
        { role: "user", content: "Do it." },
        ...times(turn, { role: "user", content: [{ type: "tool_result", tool_use_id: "a", content: "ok" }] }),
      ],
    }),
  },
  responses: {
    path: "/v1/responses",
    body: (turn) => ({
      instructions: SYSTEM,
      tools: NAMES.map((name) => ({ type: "function", name, parameters: {} })),
      input: [{ role: "user", content: "Do it." }, ...times(turn, { type: "function_call_output", call_id: "a", output: "ok" })],
    }),
  },
  chat: {
    path: "/v1/chat/completions",
    body: (turn) => ({
      tools: NAMES.map((name) => ({ type: "function", function: { name, parameters: {} } })),
      messages: [
        { role: "system", content: SYSTEM },
        { role: "user", content: "Do it." },
        ...times(turn, { role: "tool", tool_call_id: "a", content: "ok" }),
      ],
    }),
  },
} as const satisfies Record<string, Format>;

function times<T>(count: number, item: T): T[] {
  return Array.from({ length: count }, () => item);
}

export type Asked = { readonly turn?: number; readonly key?: string; readonly signal?: AbortSignal } & Readonly<
  Record<string, unknown>
>;

/** Sends a request of a format; what else is given goes into its body. */
export function ask(model: Model, format: Format, { turn = 0, key = "good", signal, ...more }: Asked = {}): Promise<Response> {
  return fetch(`${model.url}${format.path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: "m", ...format.body(turn), ...more }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** The data of each event of a stream, in order, without the word that ends one of Chat's. */
export function eventsIn(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("data: ") && line !== "data: [DONE]")
    .map((line) => JSON.parse(line.slice("data: ".length)) as Record<string, unknown>);
}
