import assert from "node:assert/strict";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { at, makeStage, type Reply, type Stage } from "./github-kit.ts";

const WORKFLOW = "on: workflow_dispatch\njobs: {}\n";
const LOCKED = { branches: ["main"], secrets: { AGENT_POOL_KEY: "sk" }, variables: { A: "1" } };

let stage: Stage;
let token: string;
beforeAll(async () => {
  stage = await makeStage();
  token = await stage.token();
  await stage.github.createRepository({ owner: "acme", name: "open", private: false, files: { "a.txt": "a" } });
  for (const name of ["acme/web", "acme/open"]) {
    await stage.github.push(name, "main", { ".github/workflows/one.yml": WORKFLOW }, "a workflow");
    await stage.github.push(name, "change", { "b.txt": "b" }, "a change");
    stage.github.protectBranch(name, "main");
    stage.github.createEnvironment(name, "locked", LOCKED);
  }
});
afterEach(async () => {
  await stage.github.delivered();
  assert.deepEqual(stage.github.violations(), []);
});
afterAll(() => stage[Symbol.asyncDispose]());

/** All that depends on a plan. */
async function see(repository: string) {
  const call = (method: string, path: string, body?: unknown): Promise<Reply> =>
    stage.call(method, `/repos/acme/${repository}${path}`, token, body);
  const draft = await call("POST", "/pulls", { title: "T", head: "change", base: "main", draft: true });
  await stage.github.delivered();
  if (draft.status === 201) await call("PATCH", `/pulls/${String(draft.body["number"])}`, { state: "closed" });
  const dispatched = await call("POST", "/actions/workflows/one.yml/dispatches", { ref: "change", return_run_details: true });
  const run = (await stage.github.host.takeRun(AbortSignal.timeout(1_000)))?.id ?? 0;
  return {
    draft: draft.status,
    words: draft.body["message"],
    protected: (await call("GET", "/branches/main")).body["protected"],
    policies: (await call("GET", "/environments/locked/deployment-branch-policies")).status,
    rules: at((await call("GET", "/environments/locked")).body, "protection_rules", "length"),
    dispatched: dispatched.status,
    entered: await stage.github.host.enterEnvironment(run, "locked"),
  };
}

const PAID = { draft: 201, protected: true, policies: 200, rules: 1, dispatched: 200, entered: undefined };

describe("an owner's plan", () => {
  it("gives a private repository drafts, protection and environments, when it is paid for", async () => {
    expect(await see("web")).toMatchObject(PAID);
  });

  it("gives it none of them on Free, and ignores what was set up before", async () => {
    stage.github.setPlan("acme", "free");

    expect(await see("web")).toEqual({
      draft: 422,
      words: "Draft pull requests are not supported in this repository.",
      protected: false,
      policies: 404,
      rules: 0,
      dispatched: 200,
      entered: { name: "locked", secrets: {}, variables: {} },
    });
  });

  it("gives a public repository all of them on Free as well", async () => {
    stage.github.setPlan("acme", "free");

    expect(await see("open")).toMatchObject(PAID);
  });

  it("leaves a private repository on Free pull requests that are no drafts", async () => {
    stage.github.setPlan("acme", "free");

    const pull = { title: "T", head: "change", base: "main", draft: false };

    expect((await stage.call("POST", "/repos/acme/web/pulls", token, pull)).status).toBe(201);
  });
});
