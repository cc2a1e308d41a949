import assert from "node:assert/strict";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { at, makeStage, type Reply, type Stage } from "./github-kit.ts";

const WEB = "/repos/acme/web";
const WORKFLOW = `name: Agent pool
run-name: agent-pool \${{ inputs.attempt }}
on:
  workflow_dispatch:
    inputs:
      attempt: { required: true }
      credential: { required: true }
      level: { type: choice, options: [low, high], default: low }
jobs: {}
`;
let stage: Stage;
let token: string;
let count = 0;

beforeAll(async () => {
  stage = await makeStage();
  token = await stage.token();
  await stage.github.push(
    "acme/web",
    "main",
    { ".github/workflows/agent-pool.yml": WORKFLOW, ".github/workflows/ci.yml": "on: push\njobs: {}\n" },
    "workflows",
  );
});
afterEach(async () => {
  await stage.github.delivered();
  assert.deepEqual(stage.github.violations(), []);
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

const call = (method: string, path: string, body?: unknown): Promise<Reply> => stage.call(method, `${WEB}${path}`, token, body);

async function mainCommit(): Promise<{ sha: string; tree: unknown }> {
  const sha = String(at((await call("GET", "/git/ref/heads/main")).body, "object", "sha"));
  return { sha, tree: at((await call("GET", `/git/commits/${sha}`)).body, "tree", "sha") };
}

/** A branch one commit ahead of main, as the product makes it. */
async function branchWith(
  tree: readonly unknown[],
  more: Record<string, unknown> = {},
): Promise<{ name: string; commit: Reply; ref: Reply }> {
  count += 1;
  const name = `agent/${String(count)}`;
  const main = await mainCommit();
  const made = await call("POST", "/git/trees", { base_tree: main.tree, tree });
  const commit = await call("POST", "/git/commits", {
    message: `change ${String(count)}`,
    tree: made.body["sha"],
    parents: [main.sha],
    ...more,
  });
  const ref = await call("POST", "/git/refs", { ref: `refs/heads/${name}`, sha: commit.body["sha"] });
  return { name, commit, ref };
}
const file = (path: string, content: string, mode = "100644"): unknown => ({ path, mode, type: "blob", content });

describe("git data", () => {
  it("makes the very tree that a git clone has", async () => {
    const binary = Buffer.from([0, 255, 1, 254]).toString("base64");
    const blob = await call("POST", "/git/blobs", { content: binary, encoding: "base64" });
    const { name, commit } = await branchWith([
      file("src/new/deep.txt", "grüße\n"),
      file("run.sh", "#!/bin/sh\n", "100755"),
      file("empty", ""),
      { path: "data.bin", mode: "100644", type: "blob", sha: blob.body["sha"] },
      { path: "src/a.txt", mode: "100644", type: "blob", sha: null },
    ]);

    const url = stage.github.url.replace("://", `://x-access-token:${token}@`);
    await stage.git(["clone", "--quiet", "--branch", name, `${url}/acme/web.git`, name]);
    const listing = await stage.git(["ls-tree", "-r", "HEAD"], join(stage.folder, name));

    expect(await stage.git(["rev-parse", "HEAD^{tree}"], join(stage.folder, name))).toBe(at(commit.body, "tree", "sha"));
    expect(listing.split("\n").map((line) => line.replace(/ blob \w+\t/, " "))).toEqual([
      "100644 .github/workflows/agent-pool.yml",
      "100644 .github/workflows/ci.yml",
      "100644 README.md",
      "100644 data.bin",
      "100644 empty",
      "100755 run.sh",
      "100644 src/new/deep.txt",
    ]);
  });

  it("deletes and replaces whole folders", async () => {
    const { tree } = await mainCommit();
    const kept = await call("POST", "/git/trees", { tree: [file("kept.txt", "k")] });

    const made = await call("POST", "/git/trees", {
      base_tree: tree,
      tree: [
        { path: "src", mode: "040000", type: "tree", sha: null },
        { path: ".github", mode: "040000", type: "tree", sha: kept.body["sha"] },
      ],
    });
    const listing = await call("GET", `/git/trees/${String(made.body["sha"])}?recursive=1`);

    expect((listing.body["tree"] as Record<string, unknown>[]).map(({ path }) => path)).toEqual([
      ".github",
      ".github/kept.txt",
      "README.md",
    ]);
  });

  it("takes a tree's content literally: base64 there is a file of base64", async () => {
    const made = await call("POST", "/git/trees", { tree: [file("a", "aGk=")] });

    const blob = await call("GET", `/git/blobs/${String(at(made.body, "tree", 0, "sha"))}`);

    expect(Buffer.from(String(blob.body["content"]), "base64").toString()).toBe("aGk=");
  });

  it.each([
    ["deletes what the base does not have", { path: "nothing", mode: "100644", type: "blob", sha: null }],
    ["names an object that isn't there", { path: "a", mode: "100644", type: "blob", sha: "1".repeat(40) }],
    ["leaves the repository", { path: "../a", mode: "100644", type: "blob", content: "x" }],
    ["writes into .git", { path: ".git/config", mode: "100644", type: "blob", content: "x" }],
  ])("refuses a tree that %s", async (_, entry) => {
    const { tree } = await mainCommit();

    expect((await call("POST", "/git/trees", { base_tree: tree, tree: [entry] })).status).toBe(422);
  });

  it("signs a commit only when no author, committer or signature was sent", async () => {
    const plain = await branchWith([file("signed.txt", "1")]);
    const named = await branchWith([file("unsigned.txt", "1")], { author: { name: "Ada", email: "ada@example.com" } });

    expect(at(plain.commit.body, "verification", "verified")).toBe(true);
    expect(at(plain.commit.body, "author", "name")).toBe("agent-pool[bot]");
    expect(at(named.commit.body, "verification", "verified")).toBe(false);
  });

  it("refuses a second branch of the same name, and a move that is not a fast forward", async () => {
    const { name, commit } = await branchWith([file("dup.txt", "1")]);
    const main = await mainCommit();

    const again = await call("POST", "/git/refs", { ref: `refs/heads/${name}`, sha: commit.body["sha"] });
    const back = await call("PATCH", `/git/refs/heads/${name}`, { sha: main.sha });
    const forced = await call("PATCH", `/git/refs/heads/${name}`, { sha: main.sha, force: true });

    expect([again.status, again.body["message"]]).toEqual([422, "Reference already exists"]);
    expect([back.status, back.body["message"]]).toEqual([422, "Update is not a fast forward"]);
    expect(forced.status).toBe(200);
  });

  it("refuses a tree with a workflow file: the App has no workflows permission", async () => {
    const main = await mainCommit();

    const tree = await call("POST", "/git/trees", {
      base_tree: main.tree,
      tree: [file(".github/workflows/ci.yml", "on: pull_request_target\n")],
    });

    expect([tree.status, tree.body["message"]]).toEqual([403, "Resource not accessible by integration"]);
  });

  it("refuses a branch whose workflow files are those of no branch, as when they have changed on its base", async () => {
    await using own = await makeStage();
    const key = await own.token();
    const ask = (method: string, path: string, body: object): Promise<Reply> => own.call(method, `${WEB}/git${path}`, key, body);
    const base = await own.github.push("acme/web", "main", { ".github/workflows/ci.yml": "on: push\njobs: {}\n" }, "one");
    const tree = await ask("POST", "/trees", { base_tree: base, tree: [file("a.txt", "1")] });
    const commit = await ask("POST", "/commits", { message: "a", tree: tree.body["sha"], parents: [base] });
    const { sha } = commit.body;

    const create = (name: string): Promise<Reply> => ask("POST", "/refs", { ref: `refs/heads/${name}`, sha });
    const fresh = await create("fresh");
    const tip = await own.github.push("acme/web", "main", { ".github/workflows/ci.yml": "on: push\njobs: {}\n#\n" }, "two");
    await ask("PATCH", "/refs/heads/fresh", { sha: tip, force: true });
    const stale = await create("stale");
    const moved = await ask("PATCH", "/refs/heads/fresh", { sha, force: true });

    expect([fresh.status, stale.status, moved.status]).toEqual([201, 403, 403]);
    expect(stale.body["message"]).toBe("Resource not accessible by integration");
  });

  it("answers a deep ref and not a shorter one that only begins it", async () => {
    const { name } = await branchWith([file("deep.txt", "1")]);

    expect((await call("GET", `/git/ref/heads/${name}`)).status).toBe(200);
    expect((await call("GET", "/git/ref/heads/agent")).status).toBe(404);
  });
});

describe("pull requests", () => {
  const open = (head: string, more: Record<string, unknown> = {}): Promise<Reply> =>
    call("POST", "/pulls", { title: "T", body: "B", head, base: "main", ...more });

  it("need commits, existing branches, and are one for each head", async () => {
    const { name } = await branchWith([file("pr.txt", "1")]);
    const main = await mainCommit();
    await call("POST", "/git/refs", { ref: "refs/heads/nothing-new", sha: main.sha });

    const empty = await open("nothing-new");
    const first = await open(name, { draft: true });
    const second = await open(name);

    expect([empty.status, at(empty.body, "errors", 0, "message")]).toEqual([422, "No commits between main and nothing-new"]);
    expect((await open("no-such-branch")).status).toBe(422);
    expect([first.status, first.body["draft"]]).toEqual([201, true]);
    expect([second.status, at(second.body, "errors", 0, "message")]).toEqual([
      422,
      `A pull request already exists for acme:${name}.`,
    ]);
  });

  it("are found by head, and only that one", async () => {
    const { name } = await branchWith([file("found.txt", "1")]);
    await open(name);

    const found = await call("GET", `/pulls?state=all&head=acme:${name}`);
    const none = await call("GET", "/pulls?state=all&head=acme:nobody");

    expect(found.list.map((pull) => at(pull, "head", "ref"))).toEqual([name]);
    expect(none.list).toEqual([]);
  });

  it("show their files with the real difference", async () => {
    const { name } = await branchWith([
      file("src/a.txt", "one\nTWO\n"),
      { path: "README.md", mode: "100644", type: "blob", sha: null },
    ]);
    const pull = await open(name);

    const { list } = await call("GET", `/pulls/${String(pull.body["number"])}/files`);

    expect(list.map(({ filename, status, additions, deletions }) => [filename, status, additions, deletions])).toEqual([
      ["README.md", "removed", 0, 1],
      ["src/a.txt", "modified", 1, 1],
    ]);
    expect(list[1]?.["patch"]).toBe("@@ -1,2 +1,2 @@\n one\n-two\n+TWO");
    expect(pull.body["changed_files"]).toBe(2);
  });

  it("follow their branch, and close when it goes", async () => {
    const { name } = await branchWith([file("follow.txt", "1")]);
    const pull = await open(name);
    const sha = await stage.github.push("acme/web", name, { "follow.txt": "2" }, "more");

    const after = await call("GET", `/pulls/${String(pull.body["number"])}`);
    await call("DELETE", `/git/refs/heads/${name}`);

    expect(at(after.body, "head", "sha")).toBe(sha);
    expect((await call("GET", `/pulls/${String(pull.body["number"])}`)).body["state"]).toBe("closed");
  });
});

describe("workflow runs", () => {
  const inputs = { attempt: "a1", credential: "key" };
  const dispatch = (body: Record<string, unknown>, workflow = "agent-pool.yml"): Promise<Reply> =>
    call("POST", `/actions/workflows/${workflow}/dispatches`, { ref: "main", ...body });

  it("start with details when asked, and silently otherwise", async () => {
    const told = await dispatch({ inputs, return_run_details: true });
    const silent = await dispatch({ inputs: { ...inputs, level: "high" } });

    expect([told.status, silent.status]).toEqual([200, 204]);
    const [first, second] = stage.github.runs("acme/web").slice(-2);
    expect(told.body["workflow_run_id"]).toBe(first?.id);
    expect(second?.inputs).toEqual({ attempt: "a1", credential: "key", level: "high" });
    expect(first).toMatchObject({ inputs: { level: "low" }, actor: "agent-pool[bot]", title: "agent-pool a1" });
  });

  it.each([
    ["an unknown input", { inputs: { ...inputs, extra: "x" } }, "agent-pool.yml", 422],
    ["a missing required input", { inputs: { attempt: "a1" } }, "agent-pool.yml", 422],
    ["a value that is no choice", { inputs: { ...inputs, level: "medium" } }, "agent-pool.yml", 422],
    ["a ref that isn't there", { ref: "nowhere", inputs }, "agent-pool.yml", 422],
    ["a workflow without workflow_dispatch", {}, "ci.yml", 422],
    ["a file that isn't there", { inputs }, "missing.yml", 404],
  ])("are refused for %s", async (_, body, workflow, status) => {
    const before = stage.github.runs("acme/web").length;

    expect((await dispatch(body, workflow)).status).toBe(status);

    expect(stage.github.runs("acme/web")).toHaveLength(before);
  });

  it("carry the title once the runner knows it, and tell the app each step", async () => {
    await drain();
    const { body } = await dispatch({ inputs, return_run_details: true });
    const id = Number(body["workflow_run_id"]);
    const { host } = stage.github;
    const taken = await host.takeRun(AbortSignal.timeout(1000));
    await host.startRun(id, "agent-pool a1");
    const listed = await call(
      "GET",
      "/actions/workflows/agent-pool.yml/runs?event=workflow_dispatch&created=%3E%3D2026-01-01T00:00:00Z&per_page=100",
    );
    await host.completeRun(id, "success");
    await stage.github.delivered();

    expect([taken?.id, taken?.ref, taken?.workflow.text]).toEqual([id, "refs/heads/main", WORKFLOW]);
    const runs = at(listed.body, "workflow_runs") as Record<string, unknown>[];
    expect(runs.find((run) => run["id"] === id)).toMatchObject({
      display_title: "agent-pool a1",
      status: "in_progress",
      event: "workflow_dispatch",
    });
    const sent = stage.received.filter(
      ({ event, payload }) => event === "workflow_run" && at(payload, "workflow_run", "id") === id,
    );
    expect(new Set(sent.map(({ payload }) => payload["action"]))).toEqual(new Set(["requested", "in_progress", "completed"]));
  });

  it("are cancelled at once while queued, through the runner while running, and not after", async () => {
    await drain();
    const { host } = stage.github;
    const queued = Number((await dispatch({ inputs, return_run_details: true })).body["workflow_run_id"]);
    const running = Number((await dispatch({ inputs, return_run_details: true })).body["workflow_run_id"]);
    const cancel = (id: number): Promise<Reply> => call("POST", `/actions/runs/${String(id)}/cancel`);

    expect((await cancel(queued)).status).toBe(202);
    const taken = await host.takeRun(AbortSignal.timeout(1000));
    expect(taken?.id).toBe(running);
    await host.startRun(running, "t");
    expect((await cancel(running)).status).toBe(202);
    expect(host.cancelled(running).aborted).toBe(true);
    expect((await call("GET", `/actions/runs/${String(running)}`)).body["status"]).toBe("in_progress");
    await host.completeRun(running, "cancelled");

    expect((await cancel(running)).status).toBe(409);
    expect((await call("GET", `/actions/runs/${String(queued)}`)).body).toMatchObject({
      status: "completed",
      conclusion: "cancelled",
    });
  });

  it("wait for a dispatch, and stop waiting when told to", async () => {
    await drain();
    const stop = new AbortController();
    const waiting = stage.github.host.takeRun(stop.signal);

    stop.abort();

    expect(await waiting).toBeUndefined();
  });

  async function drain(): Promise<void> {
    const stop = new AbortController();
    for (let taken: unknown = true; taken !== undefined;) {
      const next = stage.github.host.takeRun(stop.signal);
      setTimeout(() => stop.abort(), 20);
      taken = await next;
    }
  }
});

describe("checks", () => {
  it("are told of by suite once none of it runs, on the commit that they ran on, and again after a re-run", async () => {
    const sha = await stage.github.push("acme/web", "checked", { "checked.txt": "1" }, "checked");
    const run = (runs: Parameters<typeof stage.github.runChecks>[1]["runs"]) =>
      stage.github.runChecks("acme/web", { branch: "checked", workflow: "ci", runs });
    stage.received.length = 0;

    await run({ lint: "success", test: null });
    await stage.github.delivered();
    const early = stage.received.filter(({ event }) => event === "check_suite");
    await run({ test: "failure" });
    await run({ test: "success" });
    await stage.github.delivered();

    const told = stage.received.filter(({ event }) => event === "check_suite");
    const of = (name: string) => told.map(({ payload }) => at(payload, "check_suite", name));
    expect(early).toEqual([]);
    expect(new Set([...of("head_branch"), ...of("head_sha")])).toEqual(new Set(["checked", sha]));
    expect(of("conclusion").toSorted()).toEqual(["failure", "success"]);
  });

  it("are read with the permission for it alone", async () => {
    const narrow = await stage.token({ permissions: { contents: "read" } });

    const refused = await stage.call("GET", `${WEB}/commits/main/check-runs`, narrow);
    const unknown = await call("GET", `/commits/${"0".repeat(40)}/check-runs`);

    expect([refused.status, unknown.status]).toEqual([403, 422]);
  });
});

describe("environments", () => {
  const policies = (name: string): Promise<Reply> => call("GET", `/environments/${name}/deployment-branch-policies`);
  const run = async (): Promise<number> => {
    await call("POST", "/actions/workflows/agent-pool.yml/dispatches", {
      ref: "main",
      inputs: { attempt: "e", credential: "c" },
    });
    return stage.github.runs("acme/web").at(-1)?.id ?? 0;
  };

  it("answer branch policies only where they name branches", async () => {
    const rest = { secrets: { AGENT_POOL_KEY: "sk" }, variables: {} };
    stage.github.createEnvironment("acme/web", "custom", { branches: ["main"], ...rest });
    stage.github.createEnvironment("acme/web", "guarded", { branches: "protected", ...rest });
    stage.github.createEnvironment("acme/web", "open", { branches: "all", ...rest });

    expect((await policies("custom")).body).toMatchObject({ total_count: 1, branch_policies: [{ name: "main" }] });
    expect([(await policies("guarded")).status, (await policies("open")).status, (await policies("none")).status]).toEqual([
      404, 404, 404,
    ]);
    expect((await call("GET", "/environments/CUSTOM")).body["deployment_branch_policy"]).toEqual({
      protected_branches: false,
      custom_branch_policies: true,
    });
    expect((await call("GET", "/environments/open")).body["deployment_branch_policy"]).toBeNull();
    expect((await call("GET", "/environments/none")).status).toBe(404);
  });

  it("give a job their secrets, unless its branch may not deploy", async () => {
    stage.github.createEnvironment("acme/web", "mine", {
      branches: ["main"],
      secrets: { AGENT_POOL_KEY: "sk" },
      variables: { A: "1" },
    });
    stage.github.createEnvironment("acme/web", "theirs", {
      branches: ["release/*"],
      secrets: { AGENT_POOL_KEY: "sk" },
      variables: {},
    });
    const id = await run();

    expect(await stage.github.host.enterEnvironment(id, "mine")).toEqual({
      name: "mine",
      secrets: { AGENT_POOL_KEY: "sk" },
      variables: { A: "1" },
    });
    expect(await stage.github.host.enterEnvironment(id, "theirs")).toBeUndefined();
  });

  it("that are missing appear empty and unprotected when a job names them", async () => {
    const id = await run();

    expect(await stage.github.host.enterEnvironment(id, "typo")).toEqual({ name: "typo", secrets: {}, variables: {} });

    expect((await call("GET", "/environments/typo")).body["protection_rules"]).toEqual([]);
  });
});
