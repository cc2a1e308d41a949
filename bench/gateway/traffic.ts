/** What callers send and the provider answers: the same bytes through every gateway, in the shapes a coding CLI and Anthropic's API use. */

export const MODEL = "claude-sonnet-5-5";
/** What the caller presents; ours swaps it, the others pass it on. */
export const DUMMY = "sk-ant-api03-dummy-of-the-bench";

/** How the scripted provider answers. */
export type Answer = "json" | "burst" | "paced" | "long";

/** Events of a stream, and the milliseconds before each. A long one lasts until its caller hangs up. */
export const BURST_EVENTS = 200;
export const PACED = { events: 20, everyMs: 5 };
export const LONG = { events: Infinity, everyMs: 20 };

const PROSE =
  "Read the file before you change it, keep to the style of the code around it, and run the tests when you are done. ";

/** A Messages request: instructions and tools as long as asked for, and a conversation of four turns. */
export function bodyOf(bytes: number, stream: boolean): string {
  const share = Math.floor(bytes / 4);
  const text = (length: number): string => PROSE.repeat(Math.ceil(length / PROSE.length)).slice(0, length);
  const tools = ["Bash", "Edit", "Glob", "Grep", "Read", "Write"].map((name) => ({
    name,
    description: text(Math.floor(share / 6)),
    input_schema: { type: "object", properties: { path: { type: "string" }, text: { type: "string" } }, required: ["path"] },
  }));
  const code = '  if (count > limit) {\n    return "too many";\n  }\n'.repeat(Math.ceil(share / 55));
  return JSON.stringify({
    model: MODEL,
    max_tokens: 32_000,
    stream,
    system: [{ type: "text", text: text(share), cache_control: { type: "ephemeral" } }],
    tools,
    messages: [
      { role: "user", content: [{ type: "text", text: text(Math.floor(share / 2)) }] },
      {
        role: "assistant",
        content: [
          { type: "text", text: "I look at the file first." },
          { type: "tool_use", id: "toolu_01", name: "Read", input: { path: "src/limit.ts" } },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_01", content: [{ type: "text", text: code }] }] },
      { role: "assistant", content: [{ type: "text", text: text(Math.floor(share / 2)) }] },
      { role: "user", content: [{ type: "text", text: "Go on." }] },
    ],
  });
}

const USAGE = {
  input_tokens: 2_400,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
};
const MESSAGE = { id: "msg_01", type: "message", role: "assistant", model: MODEL, stop_sequence: null };

export const JSON_ANSWER = JSON.stringify({
  ...MESSAGE,
  content: [{ type: "text", text: PROSE.repeat(8) }],
  stop_reason: "end_turn",
  usage: { ...USAGE, output_tokens: 240 },
});

function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}

export const OPENING =
  event("message_start", { message: { ...MESSAGE, content: [], stop_reason: null, usage: { ...USAGE, output_tokens: 1 } } }) +
  event("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
export const DELTA = event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "the style of the code " } });
export const CLOSING =
  event("content_block_stop", { index: 0 }) +
  event("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { ...USAGE, output_tokens: 1_200 } }) +
  event("message_stop", {});
