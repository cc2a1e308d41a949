import { describe, expect, test } from "vitest";
import { openaiResponses } from "../../action/src/gateway/wires/openai-responses.ts";
import { CALL, DUMMY, type Given, KEY, MODEL, post, setUp } from "./kit/gateway.ts";
import { type Reply, type Seen, sendStream } from "./kit/model.ts";

const ANTHROPIC = { rule: "fdrl_1", organization: "org_1", "service-account": "svac_1" };
const OPENAI = { provider: "idp_1", "service-account": "sa_1", audience: "pool" };
const RESPONSES = { model: MODEL, store: false, input: "hello" };

type Exchanges = { readonly reply: Reply; readonly exchanged: Seen[]; readonly called: Seen[] };

/** A provider that exchanges identities for tokens of so many seconds, each another one. */
function federation(seconds: number, refusals: readonly number[] = []): Exchanges {
  const exchanged: Seen[] = [];
  const called: Seen[] = [];
  return {
    exchanged,
    called,
    reply(response, seen) {
      if (!/token$|whoami$/.test(seen.path)) {
        called.push(seen);
        return sendStream(response, { text: "Done." });
      }
      exchanged.push(seen);
      const refusal = refusals[exchanged.length - 1];
      if (refusal !== undefined) {
        response.writeHead(refusal, { "content-type": "application/json" });
        return void response.end(JSON.stringify({ error: { type: "authentication_error", message: "no rule matches" } }));
      }
      const token = { access_token: `token-${exchanged.length}`, expires_in: seconds, chatgpt_account_id: "acc-1" };
      response.end(JSON.stringify(token));
    },
  };
}

/** GitHub's tokens are good once: each is another. */
function idTokens() {
  const audiences: string[] = [];
  const idToken = (audience: string): Promise<string> => Promise.resolve(`jwt-${audiences.push(audience)}`);
  return { audiences, idToken };
}

const keyOf = ({ headers }: Seen) => headers.authorization;

describe("a job's own identity", () => {
  test("is exchanged for a token of Anthropic's, which calls then go with in place of any key", async () => {
    const provider = federation(3_600);
    const { audiences, idToken } = idTokens();
    await using set = await setUp(provider.reply, { auth: "workload-identity", identity: ANTHROPIC, idToken });

    const answers = [await post(set, CALL), await post(set, CALL)];

    expect(answers.map((it) => it.status)).toEqual([200, 200]);
    expect(audiences).toEqual(["https://api.anthropic.com"]);
    expect(provider.exchanged).toMatchObject([
      {
        path: "/v1/oauth/token",
        headers: { "anthropic-beta": "oauth-2025-04-20,oidc-federation-2026-04-01" },
        body: { assertion: "jwt-1", federation_rule_id: "fdrl_1", organization_id: "org_1", service_account_id: "svac_1" },
      },
    ]);
    expect(provider.called.map(keyOf)).toEqual(["Bearer token-1", "Bearer token-1"]);
    expect(provider.called[0]?.headers["anthropic-beta"]).toBe("oauth-2025-04-20");
    expect(provider.called[0]?.headers).not.toHaveProperty("x-api-key");
  });

  test("is exchanged for a token of OpenAI's, for the audience that the policy names", async () => {
    const provider = federation(3_600);
    const { audiences, idToken } = idTokens();
    const given: Given = { auth: "workload-identity", provider: "openai", identity: OPENAI, idToken, wire: openaiResponses };
    await using set = await setUp(provider.reply, given);

    const answer = await post(set, RESPONSES, { authorization: `Bearer ${DUMMY}` }, "/v1/responses");

    expect([answer.status, audiences]).toEqual([200, ["pool"]]);
    expect(provider.exchanged).toMatchObject([
      { path: "/oauth/token", body: { subject_token: "jwt-1", identity_provider_id: "idp_1", service_account_id: "sa_1" } },
    ]);
    expect(provider.called.map(keyOf)).toEqual(["Bearer token-1"]);
  });

  test("is not told to the harness by an exchange that answers something unreadable", async () => {
    const { idToken } = idTokens();
    const exchange: Reply = (response) => void response.end("token-1 {");
    await using set = await setUp(exchange, { auth: "workload-identity", identity: ANTHROPIC, idToken });

    const answer = await post(set, CALL);

    expect(answer.status).toBe(502);
    expect(answer.text).not.toContain("token-1");
    expect(set.gateway.facts().lastError?.message).toBe("/v1/oauth/token answered no JSON");
  });

  test("is told to the job before a call goes with it", async () => {
    const provider = federation(3_600);
    const { idToken } = idTokens();
    const keys: string[] = [];
    await using set = await setUp(provider.reply, {
      auth: "workload-identity",
      identity: ANTHROPIC,
      idToken,
      onKey: (key) => void keys.push(key),
    });

    await post(set, CALL);

    expect(keys).toEqual(["token-1"]);
  });

  test("is shown to nobody once the gateway has closed while it was exchanged", async () => {
    const provider = federation(3_600);
    const exchanging = Promise.withResolvers<void>();
    const { promise: gone, resolve: letGo } = Promise.withResolvers<void>();
    const reply: Reply = async (response, seen, nth) => {
      exchanging.resolve();
      await gone;
      await provider.reply(response, seen, nth);
    };
    const { idToken } = idTokens();
    await using set = await setUp(reply, { auth: "workload-identity", identity: ANTHROPIC, idToken });

    const answered = post(set, CALL);
    await exchanging.promise;
    set.gateway.setOpen(false);
    letGo();

    expect(await answered).toMatchObject({ status: 403, type: "not_open" });
    expect(provider.called).toEqual([]);
  });

  test("is exchanged once for calls at the same time, and again before its token ends", async () => {
    const brief = federation(121);
    const { idToken } = idTokens();
    await using set = await setUp(brief.reply, { auth: "workload-identity", identity: ANTHROPIC, idToken });

    await Promise.all([post(set, CALL), post(set, CALL), post(set, CALL)]);
    const together = brief.exchanged.length;
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await post(set, CALL);

    expect([together, brief.exchanged.length]).toEqual([1, 2]);
    expect(brief.called.map(keyOf)).toEqual([...Array.from({ length: 3 }, () => "Bearer token-1"), "Bearer token-2"]);
    expect(brief.exchanged.map(({ body }) => body["assertion"])).toEqual(["jwt-1", "jwt-2"]);
  });

  test("that the provider doesn't take is told as an invalid key, and asked about again by the next call", async () => {
    const provider = federation(3_600, [401]);
    const { idToken } = idTokens();
    await using set = await setUp(provider.reply, { auth: "workload-identity", identity: ANTHROPIC, idToken });

    const refused = await post(set, CALL);
    const facts = set.gateway.facts();
    const taken = await post(set, CALL);

    expect([refused.status, taken.status]).toEqual([401, 200]);
    expect(facts).toMatchObject({ modelCalls: 0, lastError: { status: 401 }, observation: { signal: { kind: "auth" } } });
  });

  test("that GitHub doesn't vouch for reaches nobody", async () => {
    const provider = federation(3_600);
    const idToken = () => Promise.reject(new Error("id-token: write is missing"));
    await using set = await setUp(provider.reply, { auth: "workload-identity", identity: ANTHROPIC, idToken });

    const refused = await post(set, CALL);

    expect([refused.status, provider.exchanged.length, provider.called.length]).toEqual([502, 0, 0]);
    expect(set.gateway.facts().lastError).toMatchObject({ status: 502 });
  });
});

describe("a workspace's access token", () => {
  const given: Given = {
    auth: "access-token",
    provider: "openai",
    wire: openaiResponses,
    maxTokens: null,
    budgetMicroUsd: 5_000_000,
  };
  const call = (set: Parameters<typeof post>[0]) => post(set, RESPONSES, { authorization: `Bearer ${DUMMY}` }, "/v1/responses");

  test("goes to ChatGPT's own place, with the account that it is of, which is asked once", async () => {
    const provider = federation(0);
    await using set = await setUp(provider.reply, given);

    const statuses = [(await call(set)).status, (await call(set)).status];

    expect(statuses).toEqual([200, 200]);
    expect(provider.exchanged).toMatchObject([{ path: "/api/accounts/v1/user-auth-credential/whoami", headers: { authorization: `Bearer ${KEY}` } }]);
    expect(provider.called).toMatchObject([1, 2].map(() => ({ path: "/backend-api/codex/responses", headers: { authorization: `Bearer ${KEY}`, "chatgpt-account-id": "acc-1" } })));
    expect(provider.called[0]?.body).not.toHaveProperty("max_output_tokens");
  }); // prettier-ignore

  test("that is no longer good is told so", async () => {
    const provider = federation(0, [401]);
    await using set = await setUp(provider.reply, given);

    expect((await call(set)).status).toBe(401);
    expect(set.gateway.facts()).toMatchObject({ observation: { signal: { kind: "auth" } } });
  });
});
