import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { checkExchange } from "#playground/github/contract.ts";
import { checkPayload } from "#playground/github/webhook-contract.ts";
import { at, makeStage, type Reply, type Stage } from "./github-kit.ts";

const WEB = "/repos/acme/web";
let stage: Stage;
let token: string;
let seen = 0;

beforeAll(async () => {
  stage = await makeStage();
  token = await stage.token();
});
/** What went wrong since the last look. */
function violations(): readonly string[] {
  const fresh = stage.github.violations().slice(seen);
  seen += fresh.length;
  return fresh;
}
afterEach(async () => {
  await stage.github.delivered();
  assert.deepEqual(violations(), []);
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});
const call = (method: string, path: string, body?: unknown): Promise<Reply> => stage.call(method, `${WEB}${path}`, token, body);
async function newIssue(): Promise<number> {
  const ada = await stage.github.createPerson("ada");
  return (await ada.openIssue("acme/web", { title: "T", body: "B" })).number;
}

describe("listings", () => {
  it("hide a fresh comment while they lag; the single one is there at once", async () => {
    const issue = await newIssue();
    stage.github.setListingLag(60_000);
    const made = await call("POST", `/issues/${String(issue)}/comments`, { body: "here" });

    const lagging = await call("GET", `/issues/${String(issue)}/comments`);
    const single = await call("GET", `/issues/comments/${String(made.body["id"])}`);
    stage.github.advanceClock(60_001);
    const later = await call("GET", `/issues/${String(issue)}/comments`);
    stage.github.setListingLag(0);

    expect([lagging.list.length, single.status, later.list.length]).toEqual([0, 200, 1]);
  });

  it("come in pages joined by the link header", async () => {
    const issue = await newIssue();
    for (const body of ["1", "2", "3"]) await call("POST", `/issues/${String(issue)}/comments`, { body });

    const first = await call("GET", `/issues/${String(issue)}/comments?per_page=2`);
    const next = /<([^>]+)>; rel="next"/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    const second = await stage.call("GET", next.replace(stage.github.url, ""), token);

    expect([first, second].map(({ list }) => list.map(({ body }) => body))).toEqual([["1", "2"], ["3"]]);
    expect(second.headers.get("link")).not.toContain('rel="next"');
  });
});

describe("webhooks", () => {
  it("are signed with the app's secret, have ids of their own, and name the installation and the sender", async () => {
    const before = stage.received.length;
    await newIssue();
    await newIssue();
    await stage.github.delivered();
    const sent = stage.received.slice(before);

    expect(new Set(sent.map(({ guid }) => guid)).size).toBe(sent.length);
    for (const { text, signature } of sent) {
      expect(signature).toBe(`sha256=${createHmac("sha256", "s3cret").update(text).digest("hex")}`);
    }
    expect(at(sent[0]?.payload, "sender", "login")).toBe("ada");
    expect(at(sent[0]?.payload, "organization", "login")).toBe("acme");
    expect(typeof at(sent[0]?.payload, "installation", "id")).toBe("number");
  });

  it("tell labels both inside opened and one by one", async () => {
    const before = stage.received.length;
    const ada = await stage.github.createPerson("ada");
    await ada.openIssue("acme/web", { title: "T", body: "B", labels: ["agent"] });
    await stage.github.delivered();
    const sent = stage.received
      .slice(before)
      .map(({ payload }) => [payload["action"], at(payload, "issue", "labels", 0, "name")].join(" "));

    expect(new Set(sent)).toEqual(new Set(["opened agent", "labeled agent"]));
  });

  it("are not sent for what app.yml does not ask for, nor to owners without the app", async () => {
    await using own = await makeStage({
      appManifest: { name: "x", default_permissions: { issues: "write" }, default_events: ["issue_comment"] },
    });
    await own.github.createOwner({ login: "rival", kind: "Organization" });
    await own.github.createRepository({ owner: "rival", name: "r", private: false, files: { a: "a" } });
    const ada = await own.github.createPerson("ada");

    await ada.openIssue("acme/web", { title: "T", body: "B" });
    const elsewhere = await ada.openIssue("rival/r", { title: "T", body: "B" });
    await ada.comment("rival/r", elsewhere.number, "hi");
    await own.github.delivered();

    expect(own.received.map(({ event }) => event)).toEqual(["installation"]);
  });

  it("that fail are recorded, not repeated, and come again with the same id when redelivered", async () => {
    stage.answer.status = 500;
    const issue = await newIssue();
    await stage.github.delivered();
    stage.answer.status = 200;
    const failed = stage.github.deliveries().filter(({ payload }) => at(payload, "issue", "number") === issue);
    expect(failed.map(({ status }) => status)).toEqual([500]);

    await stage.github.redeliver(failed[0]?.guid ?? "");

    const all = stage.received.filter(({ payload }) => at(payload, "issue", "number") === issue);
    expect(all.map(({ guid }) => guid)).toEqual([failed[0]?.guid, failed[0]?.guid]);
    expect(stage.github.deliveries().at(-1)).toMatchObject({ redelivery: true, status: 200 });
  });

  it("do not hold up the API: an app that is gone costs the caller nothing", async () => {
    const issue = await newIssue();
    stage.github.setWebhook({ url: "http://127.0.0.1:9/", secret: "x" });
    const reply = await call("POST", `/issues/${String(issue)}/comments`, { body: "hi" });
    await stage.github.delivered();

    expect(reply.status).toBe(201);
    expect(stage.github.deliveries().at(-1)?.status).toBe(0);
  });
});

describe("the contract", () => {
  it.each([
    ["a route GitHub does not have", "GET", "/isues", undefined, "not a route"],
    ["an unknown field in a body", "POST", "/git/blobs", { content: "x", encodin: "utf-8" }, "additional properties 'encodin'"],
    ["a wrong type in a body", "POST", "/git/blobs", { content: 1 }, "/content must be string"],
    ["an unknown query parameter", "GET", "/issues?sate=open", undefined, "unknown query parameter 'sate'"],
    ["a value outside an enumeration", "GET", "/pulls?state=opened", undefined, "parameter 'state'"],
    ["a page size that is no number", "GET", "/pulls?per_page=many", undefined, "parameter 'per_page'"],
  ])("notices %s", async (_, method, path, body, message) => {
    await call(method, path, body);

    expect(violations().join("\n")).toContain(message);
  });

  it("notices an answer of the wrong shape, and a status that is not documented", () => {
    const exchange = {
      route: "GET /repos/{owner}/{repo}/git/ref/{ref}",
      params: { owner: "a", repo: "b", ref: "heads/x" },
      query: {},
      body: undefined,
      raw: false,
    };
    const ref = {
      ref: "refs/heads/x",
      node_id: "x",
      url: "http://x/",
      object: { type: "commit", sha: "a".repeat(40), url: "http://x/" },
    };

    expect(checkExchange({ ...exchange, status: 200, answer: ref })).toEqual([]);
    expect(checkExchange({ ...exchange, status: 200, answer: { ...ref, url: 1 } }).join()).toContain("/url must be string");
    expect(checkExchange({ ...exchange, status: 202, answer: ref }).join()).toContain("undocumented status 202");
    expect(checkExchange({ ...exchange, route: "GET /nope", status: 200, answer: {} }).join()).toContain("not a route");
  });

  it("notices a webhook payload with a field too many or too few, or of an unknown action", async () => {
    await newIssue();
    const sent = stage.github.deliveries().find(({ event, action }) => event === "issues" && action === "opened")?.payload ?? {};

    expect(checkPayload("issues", sent)).toEqual([]);
    expect(checkPayload("issues", { ...sent, extra: 1 }).join()).toContain("'extra'");
    expect(checkPayload("issues", { ...sent, repository: {} }).join()).toContain("required");
    expect(checkPayload("issues", { ...sent, action: "imagined" }).join()).toContain("no schema");
  });
});

describe("GraphQL", () => {
  const QUERY = `query($owner: String!, $name: String!) {
    product: repository(owner: $owner, name: $name) {
      databaseId
      defaultBranchRef { name target { oid ... on Commit { tree { oid } } } }
      settings: object(expression: "HEAD:README.md") { ... on Blob { text byteSize isTruncated } }
      none: object(expression: "HEAD:nowhere") { oid }
    }
    policy: repository(owner: $owner, name: ".github") { databaseId }
  }`;
  const ask = (query: string, by = token): Promise<Reply> =>
    stage.call("POST", "/graphql", by, { query, variables: { owner: "acme", name: "web" } });

  it("answers from the same git repository, and null with NOT_FOUND for what is not there", async () => {
    const reply = await ask(QUERY);
    const [main] = await stage.github.branches("acme/web");

    expect(reply.status).toBe(200);
    expect(at(reply.body, "data", "product", "settings")).toEqual({ text: "# Web\n", byteSize: 6, isTruncated: false });
    expect(at(reply.body, "data", "product", "defaultBranchRef", "target", "oid")).toBe(main?.sha);
    expect(at(reply.body, "data", "product", "none")).toBeNull();
    expect(at(reply.body, "data", "policy")).toBeNull();
    expect(at(reply.body, "errors")).toMatchObject([{ type: "NOT_FOUND", path: ["policy"] }]);
  });

  it("hides a repository outside the token, and asks for a token", async () => {
    await stage.github.createRepository({ owner: "acme", name: ".github", private: true, files: { a: "a" } });
    const narrowed = await ask(QUERY, await stage.token({ repositories: [".github"] }));

    expect(at(narrowed.body, "data", "product")).toBeNull();
    expect(at(narrowed.body, "data", "policy", "databaseId")).toEqual(expect.any(Number));
    expect((await ask(QUERY, "ghs_unknown")).status).toBe(401);
  });

  it("counts a field GitHub's schema does not have as a violation", async () => {
    const reply = await ask(`query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { databaseID } }`);

    expect(at(reply.body, "errors", 0, "message")).toContain("databaseID");
    expect(violations().join()).toContain('Cannot query field "databaseID"');
  });
});

describe("faults", () => {
  const ROUTE = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";

  it("dropped before applying leave nothing, dropped after leave the comment with no answer", async () => {
    const issue = await newIssue();
    const comment = (): Promise<Reply> => call("POST", `/issues/${String(issue)}/comments`, { body: "once" });

    stage.github.onCall(ROUTE, ({ phase }) => (phase === "before" ? "drop" : undefined));
    await expect(comment()).rejects.toThrow("fetch failed");
    expect(stage.github.comments("acme/web", issue)).toHaveLength(0);

    stage.github.onCall(ROUTE, ({ phase }) => (phase === "after" ? "drop" : undefined));
    await expect(comment()).rejects.toThrow("fetch failed");
    expect(stage.github.comments("acme/web", issue)).toHaveLength(1);

    expect((await comment()).status).toBe(201);
    expect(
      stage.github
        .callList()
        .filter(({ route }) => route === ROUTE)
        .slice(-3)
        .map(({ status }) => status),
    ).toEqual([null, null, 201]);
  });

  it("answer what they are told to, for as long as they stand", async () => {
    const issue = await newIssue();
    const remove = stage.github.onCall(ROUTE, () => ({ status: 502, headers: { "retry-after": "7" } }), "always");
    const comment = (): Promise<Reply> => call("POST", `/issues/${String(issue)}/comments`, { body: "x" });

    const faulty = [await comment(), await comment()];
    remove();

    expect(faulty.map(({ status, headers }) => [status, headers.get("retry-after")])).toEqual([
      [502, "7"],
      [502, "7"],
    ]);
    expect((await comment()).status).toBe(201);
  });
});

describe("calls", () => {
  it("are counted by route, for each party apart", async () => {
    stage.github.resetCalls();
    await stage.token();
    await call("GET", "/issues");
    await call("GET", "/issues?state=all");
    await stage.call("GET", WEB, undefined);

    expect(stage.github.calls()).toEqual({
      "POST /app/installations/{installation_id}/access_tokens": 1,
      "GET /repos/{owner}/{repo}/issues": 2,
      "GET /repos/{owner}/{repo}": 1,
    });
    expect(stage.github.calls("installation")).toEqual({ "GET /repos/{owner}/{repo}/issues": 2 });
    expect(stage.github.callList().map(({ party }) => party)).toEqual(["app-jwt", "installation", "installation", "anonymous"]);
  });
});

describe("people", () => {
  it("have the role they were given: maintain is write to the old field, triage is read", async () => {
    for (const [login, role] of [
      ["mia", "maintain"],
      ["tom", "triage"],
      ["nia", "none"],
    ] as const) {
      await stage.github.createPerson(login);
      stage.github.setRole("acme/web", login, role);
    }
    const of = async (login: string): Promise<unknown> => {
      const { body } = await call("GET", `/collaborators/${login}/permission`);
      return [body["permission"], body["role_name"]];
    };

    expect([await of("mia"), await of("tom"), await of("nia")]).toEqual([
      ["write", "maintain"],
      ["read", "triage"],
      ["none", "none"],
    ]);
    expect((await call("GET", "/collaborators/nobody/permission")).status).toBe(404);
  });
});
