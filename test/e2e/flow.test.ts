import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectedTree, git } from "#playground/independent.ts";
import { sumOfUsage } from "#playground/model/usage.ts";
import { countCalls, waitForEnd } from "#playground/watch.ts";
import { createWorld, CREDENTIAL, PRODUCT, RUNNER, type World } from "#playground/world.ts";
import { CONSTANTS } from "#core/pool/constants.ts";
import { parseCommentMarker } from "#core/task/markers.ts";
import { openStore } from "#adapters/store/store.ts";
import type { LeaseRow } from "#ports/store.ts";
import { makePolicy } from "../kit/briefs.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";
import { ENGINES, freshDatabase } from "../kit/stores.ts";

/** But for the app's own look at what it missed, once an hour. */
const total = (calls: Record<string, number>) =>
  Object.entries(calls).reduce((sum, [route, count]) => (route.includes(" /app/hook/") ? sum : sum + count), 0);

describe.each(ENGINES)("an issue labelled `agent`, with the store on %s", (engine) => {
  let world: World;
  let databaseUrl: string | undefined;
  let first: { calls: Record<string, number>; jobCalls: Record<string, number> };
  let second: typeof first;

  beforeAll(async () => {
    databaseUrl = engine === "Postgres" ? await freshDatabase() : undefined;
    world = await createWorld({
      product: { files: sampleFiles() },
      script: sampleScript(),
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
    });
    await world.app.start();
    first = await ask({ ...SAMPLE_ISSUE, labels: ["agent"] });
    second = await ask(SAMPLE_ISSUE, "/agent use frontier");
    await world.runner?.idle();
    await world.app.stop();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  async function ask(issue: { title: string; body: string; labels?: string[] }, comment?: string): Promise<typeof first> {
    world.github.resetCalls();
    const { number } = await world.maintainer.openIssue(PRODUCT, issue);
    if (comment !== undefined) await world.maintainer.comment(PRODUCT, number, comment);
    expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);
    const { githubCalls, jobCalls } = countCalls(world);
    return { calls: githubCalls, jobCalls };
  }
  async function leases(issue: number): Promise<readonly LeaseRow[]> {
    const store = await openStore(databaseUrl === undefined ? { directory: join(world.dataDir, "store") } : { databaseUrl });
    try {
      const task = parseCommentMarker(world.github.comments(PRODUCT, issue)[0]?.body ?? "");
      return task == null ? [] : await store.readLeases(task);
    } finally {
      await store.close();
    }
  }

  it("becomes a draft pull request by the app, against the default branch, that names the issue", async () => {
    const pull = (await world.github.pulls(PRODUCT))[0];

    expect(pull).toMatchObject({ login: "agent-pool[bot]", draft: true, base: "main", state: "open" });
    expect(pull?.body).toContain("Closes #1.");
    expect(pull?.body).toContain("passed: `npm test`");
  });

  it("holds exactly the tree that an independent clone gives for the same change", async () => {
    const pull = (await world.github.pulls(PRODUCT))[0]!;
    const gitDir = join(world.dataDir, "repositories", `${PRODUCT}.git`);
    const base = await git(gitDir, "rev-parse", "main");

    const wanted = await expectedTree(gitDir, base, { script: sampleScript(), sandboxed: true });

    expect(await git(gitDir, "rev-parse", `${pull.headSha}^{tree}`)).toBe(wanted);
    expect(await git(gitDir, "rev-parse", `${pull.headSha}^`)).toBe(base);
  });

  it("has one comment by the app, with size, route, reasons, credential, cost and links", () => {
    const comments = world.github.comments(PRODUCT, 1);

    expect(comments).toHaveLength(1);
    for (const part of [
      "| s | light | claude-code |",
      "best value of 3 tiers",
      CREDENTIAL,
      "solved",
      "1 of 1 pass",
      "$0.0102",
      "/actions/runs/",
      "#2",
    ]) {
      expect(comments[0]?.body).toContain(part);
    }
  });

  it("uses the tier that a comment asks for", () => {
    const body = world.github.comments(PRODUCT, 3).find((comment) => comment.login === "agent-pool[bot]")?.body;

    expect(body).toContain("| frontier | claude-code | claude-opus-5-5, effort high |");
    expect(body).toContain("tier frontier was asked for");
    expect(world.model.requests().at(-1)?.model).toBe("claude-opus-5-5");
  });

  it("costs GitHub at most 18 calls with every cache cold, and a second task at most 15", () => {
    expect(total(first.calls), JSON.stringify(first.calls)).toBeLessThanOrEqual(18);
    expect(total(second.calls), JSON.stringify(second.calls)).toBeLessThanOrEqual(15);
    expect(first.calls["GET /repos/{owner}/{repo}/collaborators/{username}/permission"]).toBe(1);
    expect(first.jobCalls).toEqual({ "DELETE /installation/token": 1 });
  });

  it("keeps GitHub's contract in every request, answer and payload", () => {
    expect(world.github.violations()).toEqual([]);
  });

  it("meters to the token what the model answered", async () => {
    const [lease] = await leases(1);
    const answered = world.model
      .requests()
      .flatMap((request) => (request.model === "claude-haiku-5-5" && request.usage ? [request.usage] : []));

    expect(answered).toHaveLength(3);
    expect(lease?.report?.usage).toEqual(sumOfUsage(answered));
    expect(lease).toMatchObject({ state: "settled", credential: CREDENTIAL, attempt: { number: 1, verdict: "solved" } });
    expect(lease?.costs.model).toBe(10_173);
  });

  it("ran in the sandbox, once, under the run that was dispatched", async () => {
    const [lease] = await leases(1);

    expect(lease?.report).toMatchObject({ kind: "ran", sandbox: "srt", estimated: false });
    expect(world.github.runs(RUNNER).map((run) => run.title)).toContain(`agent-pool ${lease?.id ?? ""}`);
  });

  it("leaves no live lease and no held amount behind", async () => {
    const store = await openStore(databaseUrl === undefined ? { directory: join(world.dataDir, "store") } : { databaseUrl });
    const [lease] = await store.readLeases(parseCommentMarker(world.github.comments(PRODUCT, 1)[0]?.body ?? "")!);

    const decision = await store.admit(lease!.owner, makePolicy([CREDENTIAL]), (pool) => {
      expect(pool.credentials.map((credential) => credential.live)).toEqual([0]);
      const [owner, credential] = pool.budgets;
      expect([owner?.subject, credential?.subject]).toEqual([{ kind: "owner" }, { kind: "credential", name: CREDENTIAL }]);
      expect([owner?.held, credential?.held]).toEqual([0, 0]);
      expect(owner?.used).toBeGreaterThan(10_173);
      return { kind: "wait", waiting: [], record: { snapshot: pool, constants: CONSTANTS, candidates: [], passedOver: [] } };
    });

    expect(decision.kind).toBe("wait");
    await store.close();
  });
});
