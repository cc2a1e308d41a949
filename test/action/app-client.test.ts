import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Agent } from "undici";
import { CONTRACT_VERSION, MAX_OUTCOME_BYTES, NO_USAGE, Outcome } from "#core/wire/contract.ts";
import { type AppClient, makeAppClient } from "../../action/src/job/app-client.ts";
import { containing } from "./kit/matchers.ts";

const OUTCOME: Outcome = {
  kind: "blocked",
  contract: CONTRACT_VERSION,
  reason: "internal",
  detail: "x",
  usage: NO_USAGE,
  observation: null,
  ms: 1,
};
const CLAIM = {
  contract: CONTRACT_VERSION,
  runToken: "run-token",
  deadlineMs: 1,
  heartbeatEveryMs: 1,
  brief: { repository: "acme/web", issue: 1, title: "t", body: "b" },
  checkout: { cloneUrl: "https://github.test/acme/web.git", base: "a".repeat(40), token: "t" },
  route: { tier: "light", harness: "claude-code", model: "m", effort: null, maxTurns: 1 },
  auth: "api-key",
  budget: { microUsd: 1, price: { input: 1, output: 1, cacheRead: 1, cacheWrite: 1, cacheWrite1h: 1 } },
  commands: { setup: [], verify: [] },
  limits: { maxFiles: 1, maxBytes: 1 },
};

describe("the app as a job knows it", () => {
  let url: string;
  let answer: (response: ServerResponse, path: string, body: unknown) => void;
  let seen: { path: string; body: unknown }[];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const call = { path: request.url ?? "", body: JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown };
      seen.push(call);
      answer(response, call.path, call.body);
    });
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });
  afterAll(() => void server.close());
  beforeEach(() => (seen = []));

  const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void =>
    void response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  const claims = (body: unknown) => (response: ServerResponse, path: string) =>
    json(response, 200, path.endsWith("/claim") ? body : { accepted: true });

  /** With a clock that moves by its pauses alone. */
  function clientWith(random: () => number): { client: AppClient; pauses: number[] } {
    const pauses: number[] = [];
    const client = makeAppClient({
      appUrl: url,
      attempt: "attempt-1",
      dispatcher: new Agent(),
      sleep: (ms) => Promise.resolve(void pauses.push(ms)),
      now: () => pauses.reduce((sum, ms) => sum + ms, 0),
      random,
    });
    return { client, pauses };
  }

  test("is asked for ten minutes, at pauses that double up to half a minute", async () => {
    answer = (response) => json(response, 503, {});
    const { client, pauses } = clientWith(() => 1);

    const sent = await client.outcome("t", OUTCOME);

    expect(sent).toMatchObject({ ok: false, error: { reason: "unreachable", status: 503 } });
    expect(pauses.slice(0, 7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    const waited = pauses.reduce((sum, ms) => sum + ms, 0);
    expect(waited).toBeLessThanOrEqual(600_000);
    expect(waited).toBeGreaterThan(570_000);
  });

  test("is asked at any moment of a pause, so that jobs which its restart met at once come apart", async () => {
    answer = (response) => json(response, seen.length < 4 ? 503 : 200, { accepted: true });
    const shares = [0.5, 0, 0.25];
    const { client, pauses } = clientWith(() => shares.shift() ?? 1);

    const sent = await client.outcome("t", OUTCOME);

    expect(sent.ok).toBe(true);
    expect(pauses).toEqual([500, 0, 1_000]);
  });

  test.each([
    ["as long as it asks for", "20", 20_000],
    ["a minute where it asks for more", "86400", 60_000],
    ["as ever where it names a date", "Wed, 21 Oct 2099 07:28:00 GMT", 250],
    ["as ever where it names nonsense", "-5", 250],
  ])("is left alone %s", async (_name, retryAfter, expected) => {
    answer = (response) =>
      seen.length === 1 ? json(response, 429, {}, { "retry-after": retryAfter }) : json(response, 200, { accepted: true });
    const { client, pauses } = clientWith(() => 0.25);

    await client.outcome("t", OUTCOME);

    expect(pauses).toEqual([expected]);
  });

  test("is not asked again by a job that is cancelled while it waits", async () => {
    answer = (response) => json(response, 503, {});
    const cancelled = new AbortController();
    const { client } = clientWith(() => (cancelled.abort(), 1));

    const sent = await client.outcome("t", OUTCOME, cancelled.signal);

    expect(sent).toMatchObject({ ok: false, error: { reason: "unreachable" } });
    expect(seen).toHaveLength(1);
  });

  test("is understood in this contract's version and the one before", async () => {
    for (const contract of [CONTRACT_VERSION - 1, CONTRACT_VERSION]) {
      answer = claims({ ...CLAIM, contract, "a-word-of-later": 1 });
      expect(await clientWith(() => 1).client.claim("t")).toMatchObject({ ok: true, value: { contract, outcomeKey: null } });
    }
  });

  test.each([
    ["of a later contract", { ...CLAIM, contract: CONTRACT_VERSION + 1 }, "raise the commit of the Action"],
    ["of a contract that is too old", { ...CLAIM, contract: CONTRACT_VERSION - 2 }, "update the app"],
    ["without a brief", { ...CLAIM, brief: undefined }, "`brief` is missing"],
    ["with a brief of another form", { ...CLAIM, brief: { ...CLAIM.brief, title: 7 } }, "`brief.title` is missing or not"],
  ])("is told, after one call, what is wrong with a claim's answer %s", async (_name, body, advice) => {
    answer = claims(body);
    const { client, pauses } = clientWith(() => 1);

    const claimed = await client.claim("t");

    expect(claimed).toMatchObject({ ok: false, error: { reason: "refused", message: containing(advice) } });
    expect(seen.map(({ path }) => path)).toEqual(["/runs/attempt-1/claim", "/runs/attempt-1/outcome"]);
    expect(Outcome.parse(seen[1]?.body)).toMatchObject({ kind: "blocked", reason: "internal", detail: containing(advice) });
    expect(pauses).toEqual([]);
  });

  test.each<[string, (response: ServerResponse) => void]>([
    ["no claim at all", (response) => json(response, 200, [])],
    ["a page", (response) => void response.end("<html>Welcome</html>")],
    ["nothing", (response) => void response.end()],
    ["more than a claim can hold", (response) => void response.end(Buffer.alloc(MAX_OUTCOME_BYTES + 2 * 1024 * 1024, 32))],
  ])("is given up at once where it answers a claim with %s", async (_name, reply) => {
    answer = reply;
    const { client, pauses } = clientWith(() => 1);

    const claimed = await client.claim("t");

    expect(claimed).toMatchObject({ ok: false, error: { reason: "refused" } });
    expect([seen.length, pauses]).toEqual([1, []]);
  });
});
