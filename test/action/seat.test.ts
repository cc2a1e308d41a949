import { describe, expect, test } from "vitest";
import { CALL, post, setUp } from "./kit/gateway.ts";
import { type Reply, sendStream } from "./kit/model.ts";
import { setStage } from "./kit/stage.ts";

const TOKEN = "sk-ant-oat01-the-token-of-a-seat";
const DUMMY = "sk-ant-oat01-dummy";
const stream: Reply = (response) => sendStream(response, { text: "Done." });
const seat = { key: TOKEN, dummy: DUMMY, auth: "oauth" } as const;
const BETAS = "claude-code-20250219,oauth-2025-04-20,mcp-client-2025-11-20";

describe("the gateway of an attempt on a seat", () => {
  test("gives the provider the token as the bearer's, with the CLI's own word that it is one", async () => {
    await using set = await setUp(stream, seat);
    const answer = await post(set, { ...CALL, stream: true }, { authorization: `Bearer ${DUMMY}`, "anthropic-beta": BETAS });
    expect(answer.status).toBe(200);
    expect(set.model.seen.map(({ headers }) => [headers.authorization, headers["x-api-key"], headers["anthropic-beta"]])).toEqual(
      [[`Bearer ${TOKEN}`, undefined, "claude-code-20250219,oauth-2025-04-20"]],
    );
    expect(JSON.stringify(answer)).not.toContain(TOKEN);
  });

  test("adds nothing that the client didn't say", async () => {
    await using set = await setUp(stream, seat);
    await post(set, { ...CALL, stream: true }, { authorization: `Bearer ${DUMMY}`, "user-agent": "some-client/1" });
    expect(set.model.seen[0]?.headers).toMatchObject({ "user-agent": "some-client/1" });
    expect(set.model.seen[0]?.headers["anthropic-beta"]).toBeUndefined();
  });

  test("refuses the dummy as an API key", async () => {
    await using set = await setUp(stream, seat);
    expect(await post(set, CALL, { "x-api-key": DUMMY })).toMatchObject({ status: 401, type: "authentication_error" });
    expect(set.model.seen).toEqual([]);
  });

  test("alone lets a client say that its bearer's token is a subscription's", async () => {
    await using set = await setUp(stream);
    await post(set, { ...CALL, stream: true }, { "x-api-key": "sk-ant-api03-dummy", "anthropic-beta": BETAS });
    expect(set.model.seen[0]?.headers["anthropic-beta"]).toBe("claude-code-20250219");
  });
});

describe("a job on a seat", () => {
  test("gives the CLI a token of its own and no API key, and the provider the seat's", async () => {
    const probe = {
      tool: "Bash",
      input: { command: "cat /proc/*/environ | tr '\\0' '\\n' | grep -aE '^(ANTHROPIC|CLAUDE_CODE_O)' > seen.txt" },
    };
    const reply: Reply = (response, _seen, nth) => sendStream(response, nth === 0 ? probe : { text: "Done." });
    await using stage = await setStage({ auth: "oauth", key: TOKEN, reply });

    const job = await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(outcome, job.log).toMatchObject({ kind: "ran", ending: { kind: "completed" } });
    const calls = stage.model.seen.filter(({ path }) => path.startsWith("/v1/messages"));
    expect(calls.length).toBeGreaterThanOrEqual(2);
    for (const { headers } of calls) {
      expect(headers).toMatchObject({ authorization: `Bearer ${TOKEN}` });
      expect(headers["anthropic-beta"]?.toString().split(",")).toContain("oauth-2025-04-20");
      expect(headers["x-api-key"]).toBeUndefined();
    }
    const change = outcome?.kind === "ran" ? outcome.changes[0] : undefined;
    const seen =
      change === undefined || change.status === "deleted" ? "" : Buffer.from(change.content, "base64").toString("utf8");
    expect(seen).toContain("CLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-dummy-");
    expect(seen).not.toMatch(/^ANTHROPIC_(API_KEY|AUTH_TOKEN)=/m);
    expect(JSON.stringify(outcome) + seen).not.toContain(TOKEN);
  });

  test("says what to raise where the Action doesn't know a credential's kind", async () => {
    await using stage = await setStage({ auth: "federated", reply: stream });
    await stage.run();
    expect(stage.app.outcomes).toMatchObject([{ kind: "blocked", reason: "harnessUnavailable" }]);
    expect(JSON.stringify(stage.app.outcomes)).toContain(
      "`federated`, only api-key, oauth, access-token, workload-identity. Raise the commit of the Action",
    );
  });
});
