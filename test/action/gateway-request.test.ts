import { request } from "undici";
import { describe, expect, test } from "vitest";
import { CALL, DUMMY, KEY, MODEL, post, setUp } from "./kit/gateway.ts";
import { type Reply, sendStream } from "./kit/model.ts";

const PDF = { type: "base64", media_type: "application/pdf", data: "JVBERi0=" };
const stream: Reply = (response) => sendStream(response, { text: "Done." });

describe("of a request, the gateway", () => {
  test("passes what Claude Code sends, and no header that would give a proxy orders", async () => {
    await using set = await setUp(stream);
    const own = {
      accept: "application/json", "content-type": "application/json", "user-agent": "claude-cli/2.1.330 (external, sdk-cli)",
      "anthropic-version": "2023-06-01", "anthropic-dangerous-direct-browser-access": "true", "x-app": "cli",
      "x-claude-code-session-id": "s", "x-claude-code-agent-id": "a", "x-stainless-retry-count": "0", "x-stainless-timeout": "600",
    }; // prettier-ignore
    const foreign = {
      "x-portkey-custom-host": "https://evil.example", "x-portkey-provider": "openai", "helicone-target-url": "https://evil.example", "helicone-auth": "Bearer x",
      "cf-aig-authorization": "x", "x-litellm-api-base": "https://evil.example", "x-forwarded-host": "evil.example", "x-original-url": "/v1/files",
      "x-http-method-override": "GET", "anthropic-workspace-id": "w", "x-anthropic-billing-header": "b", cookie: "c", forwarded: "host=evil.example",
    }; // prettier-ignore
    await post(set, CALL, { ...own, ...foreign, "x-api-key": DUMMY });
    const { host: _host, connection: _connection, "content-length": _length, ...sent } = set.model.seen[0]?.headers ?? {};
    expect(sent).toEqual({ ...own, "x-api-key": KEY, "accept-encoding": "identity" });
  });

  test.each([
    ["effort-2025-11-24, code-execution-2025-05-22,claude-code-20250219", "effort-2025-11-24,claude-code-20250219"],
    ["mcp-client-2025-11-20", undefined],
    ["", undefined],
  ])("of the betas %j passes %j", async (asked, passed) => {
    await using set = await setUp(stream);
    await post(set, CALL, { "x-api-key": DUMMY, "anthropic-beta": asked });
    expect(set.model.seen[0]?.headers["anthropic-beta"]).toBe(passed);
  });

  test.each([
    ["/v1/messages?beta=true", "/v1/messages?beta=true"],
    ["/v1/messages", "/v1/messages"],
    ["/v1/messages?target=https://evil.example&beta=true", "/v1/messages?beta=true"],
    ["/v1/messages?beta=false&x=1", "/v1/messages"],
  ])("asks %s of the provider as %s", async (asked, passed) => {
    await using set = await setUp(stream);
    await post(set, CALL, undefined, asked);
    expect(set.model.seen[0]?.path).toBe(passed);
  });

  const image = (source: object): object => ({ role: "user", content: [{ type: "image", source }] });
  test.each([
    ["another model", { model: "claude-opus-5-5" }, "model_not_allowed"],
    ["a web search by the provider", { tools: [{ type: "web_search_20250305", name: "web_search" }] }, "not_allowed"],
    ["code execution by the provider", { tools: [{ type: "code_execution_20250825", name: "code_execution" }] }, "not_allowed"],
    ["remote MCP servers", { mcp_servers: [{ type: "url", url: "https://evil.example", name: "x" }] }, "not_allowed"],
    ["a container", { container: "container_1" }, "not_allowed"],
    ["a dearer speed", { speed: "fast" }, "not_allowed"],
    [
      "a summary of the context by the provider",
      { context_management: { edits: [{ type: "clear_thinking_20251015" }, { type: "compact_20260112" }] } },
      "not_allowed",
    ],
    ["a context edit that isn't in a list", { context_management: { edits: { type: "compact_20260112" } } }, "not_allowed"],
    ["a summary of the conversation by the provider", { compaction: { type: "summarize" } }, "not_allowed"],
    ["another kind of context management", { context_management: { compaction: {} } }, "not_allowed"],
    [
      "a PDF, whose tokens its bytes don't bound",
      { messages: [{ role: "user", content: [{ type: "document", source: PDF }] }] },
      "not_allowed",
    ],
    ["a tool of the provider outside a list", { tools: { type: "web_search_20250305", name: "web_search" } }, "not_allowed"],
    ["a picture by address", { messages: [image({ type: "url", url: "https://evil.example/?data" })] }, "not_allowed"],
    [
      "a file id beside a source",
      { messages: [{ role: "user", content: [{ type: "document", file_id: "file_1" }] }] },
      "not_allowed",
    ],
    ["a file id", { messages: [image({ type: "file", file_id: "file_1" })] }, "not_allowed"],
    [
      "a picture by address inside a tool's result",
      {
        messages: [
          {
            role: "user",
            content: [
              {
                type: "tool_result",
                tool_use_id: "t",
                content: [{ type: "document", source: { type: "url", url: "https://evil.example" } }],
              },
            ],
          },
        ],
      },
      "not_allowed",
    ],
  ])("refuses %s", async (_name, change, type) => {
    await using set = await setUp(stream);
    const answer = await post(set, { ...CALL, ...change });
    expect(answer).toMatchObject({ status: 403, type, headers: { "x-should-retry": "false" } });
    expect(set.model.seen).toEqual([]);
  });

  test.each([
    [
      "edits that clear",
      { context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }, { type: "clear_tool_uses_20250919" }] } },
    ],
    ["a picture", { messages: [image({ type: "base64", media_type: "image/png", data: "AAAA" })] }],
    [
      "a document of text",
      {
        messages: [
          { role: "user", content: [{ type: "document", source: { type: "text", media_type: "text/plain", data: "x" } }] },
        ],
      },
    ],
  ])("lets %s pass", async (_name, change) => {
    await using set = await setUp(stream);
    expect((await post(set, { ...CALL, ...change })).status).toBe(200);
    expect(set.model.seen[0]?.body).toEqual({ ...CALL, ...change });
  });

  test("lets a tool's own input look like anything", async () => {
    await using set = await setUp(stream);
    const content = [
      { type: "tool_use", id: "t", name: "Write", input: { source: { type: "url" }, file_id: "x", type: "container" } },
    ];
    const answer = await post(set, { ...CALL, messages: [{ role: "assistant", content }] });
    expect(answer.status).toBe(200);
  });

  test("sends what it checked when a body names the model twice", async () => {
    await using set = await setUp(stream);
    const raw = `{"model":"claude-opus-5-5",${JSON.stringify(CALL).slice(1)}`;
    await request(`http://${set.gateway.address}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": DUMMY },
      body: raw,
    }).then((it) => it.body.dump());
    expect(set.model.seen[0]?.body["model"]).toBe(MODEL);
    expect(set.model.seen[0]?.raw).not.toContain("claude-opus-5-5");
  });

  test.each([["/v1/messages/batches"], ["/v1/files"], ["/v1/organizations/api_keys"], ["//v1/messages"]])(
    "has no route %s",
    async (path) => {
      await using set = await setUp(stream);
      expect((await post(set, CALL, undefined, path)).status).toBe(404);
      expect(set.model.seen).toEqual([]);
    },
  );
});
