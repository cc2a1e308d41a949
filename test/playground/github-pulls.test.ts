import assert from "node:assert/strict";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Person } from "#playground/types.ts";
import { at, makeStage, MANIFEST, type Stage } from "./github-kit.ts";

const WEB = "acme/web";

describe("people on a pull request's page", () => {
  let stage: Stage;
  let token: string;
  let ada: Person;
  beforeAll(async () => {
    const events = [...MANIFEST.default_events, "pull_request_review"];
    stage = await makeStage({ appManifest: { ...MANIFEST, default_events: events } });
    token = await stage.token();
    ada = await stage.github.createPerson("ada");
    stage.github.setRole(WEB, "ada", "write");
  });
  beforeEach(() => void stage.received.splice(0));
  afterEach(async () => {
    await stage.github.delivered();
    assert.deepEqual(stage.github.violations(), []);
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  let count = 0;
  /** One that the app opens, with a file of its own. */
  async function open(draft = false): Promise<{ number: number; file: string; head: string }> {
    count += 1;
    const head = `work-${String(count)}`;
    const file = `${head}.txt`;
    await stage.github.push(WEB, head, { [file]: "new\n" }, head);
    const body = { title: `Adds ${file}`, body: "Closes #1.", head, base: "main", draft };
    const made = await stage.call("POST", `/repos/${WEB}/pulls`, token, body);
    return { number: Number(made.body["number"]), file, head };
  }
  /** What the app was told of pull requests and pushes, in order. */
  async function told(): Promise<readonly string[]> {
    await stage.github.delivered();
    return stage.received
      .filter(({ event }) => event.startsWith("pull_request"))
      .map(({ event, payload }) => `${event} ${String(payload["action"])} by ${String(at(payload, "sender", "login"))}`);
  }
  async function files(): Promise<string> {
    return stage.git(["ls-tree", "-r", "--name-only", "main"], join(stage.folder, "repositories", `${WEB}.git`));
  }

  it("merge it once it is ready, and not before", async () => {
    const { number, file } = await open(true);

    await expect(ada.mergePull(WEB, number)).rejects.toThrow("draft");
    await ada.markReady(WEB, number);
    const sha = await ada.mergePull(WEB, number);

    expect(await told()).toEqual([
      "pull_request opened by agent-pool[bot]",
      "pull_request ready_for_review by ada",
      "pull_request closed by ada",
    ]);
    const closed = stage.received.findLast(({ event }) => event === "pull_request")?.payload;
    expect(closed).toMatchObject({ pull_request: { merged: true, merge_commit_sha: sha, state: "closed" } });
    expect(await files()).toContain(file);
    await expect(ada.mergePull(WEB, number)).rejects.toThrow("closed");
  });

  it("close it and open it again", async () => {
    const { number } = await open();

    await ada.closePull(WEB, number);
    // Two deliveries under way at once come in either order.
    await stage.github.delivered();
    await ada.reopenPull(WEB, number);

    expect((await told()).slice(1)).toEqual(["pull_request closed by ada", "pull_request reopened by ada"]);
    const [closed, reopened] = stage.received.filter(({ event }) => event === "pull_request").slice(1);
    expect(closed?.payload).toMatchObject({ pull_request: { state: "closed", merged: false } });
    expect(reopened?.payload).toMatchObject({ pull_request: { state: "open", closed_at: null } });
  });

  it.each(["approved", "changes_requested", "commented"] as const)("review it: %s", async (state) => {
    const { number, head } = await open();

    await ada.reviewPull(WEB, number, { state, body: "Look." });

    await stage.github.delivered();
    const tip = (await stage.github.branches(WEB)).find(({ name }) => name === head)?.sha;
    expect(stage.received.findLast(({ event }) => event === "pull_request_review")?.payload).toMatchObject({
      action: "submitted",
      review: { state, body: "Look.", commit_id: tip, user: { login: "ada" } },
      pull_request: { number, user: { login: "agent-pool[bot]" } },
    });
  });

  it("are answered in their threads, by the first comment's id alone", async () => {
    const { number } = await open();
    await ada.reviewPull(WEB, number, { state: "commented", body: "", threads: [{ path: "a.md", line: 1, body: "Why?" }] });
    const { id } = stage.github.threads(WEB, number)[0]!;
    const url = (comment: number) => `/repos/${WEB}/pulls/${String(number)}/comments/${String(comment)}/replies`;

    const made = await stage.call("POST", url(id), token, { body: "Since then." });
    const again = await stage.call("POST", url(Number(made.body["id"])), token, { body: "And?" });

    expect(made).toMatchObject({ status: 201, body: { in_reply_to_id: id, body: "Since then.", path: "a.md" } });
    expect(again.status).toBe(404);
    expect(stage.github.threads(WEB, number)[0]?.said.map(({ body }) => body)).toEqual(["Why?", "Since then."]);
  });

  it("take in what their base has new, but for conflicts and workflows", async () => {
    const { number, head, file } = await open();
    const merge = async (from: Record<string, string>) => {
      const branch = `from-${String((count += 1))}`;
      await stage.github.push(WEB, branch, from, branch);
      const compared = await stage.call("GET", `/repos/${WEB}/compare/${head}...${branch}`, token);
      const made = await stage.call("POST", `/repos/${WEB}/merges`, token, { base: head, head: branch, commit_message: "Merge" });
      return { status: made.status, made: made.body, files: compared.body["files"] };
    };
    const tip = async () => (await stage.github.pulls(WEB)).find((pull) => pull.number === number)?.headSha;
    const before = await tip();

    const clean = await merge({ "base.txt": "base\n" });
    const after = await tip();
    const again = await stage.call("POST", `/repos/${WEB}/merges`, token, { base: head, head: before });
    const conflict = await merge({ [file]: "other\n" });
    const workflow = await merge({ ".github/workflows/new.yml": "on: push\n" });

    expect(clean).toMatchObject({ status: 201, files: [{ filename: "base.txt", status: "added" }] });
    expect(clean.made).toMatchObject({ sha: after, parents: [{ sha: before }, {}], commit: { message: "Merge" } });
    expect([again.status, conflict.status, workflow.status]).toEqual([204, 409, 403]);
    expect(await tip()).toBe(after);
  });

  it("are asked for a review once each, as are teams, and the app is told", async () => {
    const { number } = await open(true);
    stage.github.setTeam("acme", "web", { ada: "active" });
    const url = `/repos/${WEB}/pulls/${String(number)}/requested_reviewers`;

    const asked = await stage.call("POST", url, token, { reviewers: ["Ada"], team_reviewers: ["web"] });
    await stage.call("POST", url, token, { reviewers: ["ada"] });

    expect(asked.status).toBe(201);
    expect(asked.body).toMatchObject({ requested_reviewers: [{ login: "ada" }], requested_teams: [{ slug: "web" }] });
    expect((await stage.github.pulls(WEB)).find((pull) => pull.number === number)?.requested).toEqual(["ada", "web"]);
    expect((await told()).slice(1)).toEqual(Array(2).fill("pull_request review_requested by agent-pool[bot]"));
  });

  it.each([
    ["who opened it", { reviewers: ["agent-pool[bot]"] }, "Review cannot be requested from pull request author."],
    ["nobody", { reviewers: ["ada", "nobody"] }, "is not a collaborator of the acme/web repository."],
    ["who can't see the repository", { reviewers: ["ada", "stranger"] }, "is not a collaborator of the acme/web repository."],
    ["a team of another's", { team_reviewers: ["rivals"] }, "is not a collaborator of the acme/web repository."],
  ])("are asked none, if among them is %s", async (_name, body, message) => {
    await stage.github.createPerson("stranger").catch(() => undefined);
    const { number } = await open();

    const reply = await stage.call("POST", `/repos/${WEB}/pulls/${String(number)}/requested_reviewers`, token, body);

    expect(reply.status).toBe(422);
    expect(reply.body["message"]).toContain(message);
    expect((await stage.github.pulls(WEB)).find((pull) => pull.number === number)?.requested).toEqual([]);
  });

  it("are no team to a token without `members`", async () => {
    stage.github.setTeam("acme", "web", { ada: "active" });
    const { number } = await open();
    const narrow = await stage.token({ permissions: { pull_requests: "write" } });
    const url = `/repos/${WEB}/pulls/${String(number)}/requested_reviewers`;

    const team = await stage.call("POST", url, narrow, { team_reviewers: ["web"] });
    const person = await stage.call("POST", url, narrow, { reviewers: ["ada"] });

    expect([team.status, person.status]).toEqual([422, 201]);
    expect(team.body["message"]).toMatch(/^Could not resolve to a node with the global id of '/);
  });

  it("revert it by a pull request that names it, and what came since stays", async () => {
    const first = await open();
    const sha = await ada.mergePull(WEB, first.number, "squash");
    const second = await open();
    await ada.mergePull(WEB, second.number);

    const revert = await ada.revertPull(WEB, first.number);
    await ada.mergePull(WEB, revert.number);

    await stage.github.delivered();
    const closed = stage.received.findLast(({ event }) => event === "pull_request")?.payload;
    expect(closed).toMatchObject({
      pull_request: {
        title: `Revert "Adds ${first.file}"`,
        body: `Reverts ${WEB}#${String(first.number)}`,
        head: { ref: `revert-${String(first.number)}-${first.head}` },
        merged: true,
        user: { login: "ada" },
      },
    });
    const pushed = stage.received.findLast(({ event, payload }) => event === "push" && payload["ref"] === "refs/heads/main");
    expect(JSON.stringify(pushed?.payload["commits"])).toContain(`This reverts commit ${sha}.`);
    expect(await files()).not.toContain(first.file);
    expect(await files()).toContain(second.file);
  });

  it("can't revert what was not merged, nor merge an issue", async () => {
    const { number } = await open();
    const issue = await ada.openIssue(WEB, { title: "A", body: "B" });

    await expect(ada.revertPull(WEB, number)).rejects.toThrow("was not merged");
    await expect(ada.mergePull(WEB, issue.number)).rejects.toThrow("no pull request");
  });
});
