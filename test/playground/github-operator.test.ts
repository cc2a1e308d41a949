import assert from "node:assert/strict";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ask, at, makeStage, type Said, type Stage } from "./github-kit.ts";

const REPO = "/repos/{owner}/{repo}";
const FILE = `${REPO}/contents/{path}`;
const GUARD = `${REPO}/branches/{branch}/protection`;
const NO_ADMIN = "Must have admin rights to Repository.";
const PULLS = "Changes must be made through a pull request.";
const PULL_FIRST = `Could not update file: ${PULLS}`;

let stage: Stage;
/** Tokens: of acme's owner, of who may write to web, of who may read it, of nobody there. */
let boss: string;
let writer: string;
let reader: string;
let stranger: string;

beforeAll(async () => {
  stage = await makeStage();
  const { github } = stage;
  for (const login of ["boss", "wendy", "rita", "sam"]) await github.createPerson(login);
  github.setOrganizationRole("acme", "boss", "admin");
  github.setRole("acme/web", "wendy", "write");
  github.setRole("acme/web", "rita", "read");
  boss = github.personToken("boss");
  writer = github.personToken("wendy");
  reader = github.personToken("rita");
  stranger = github.personToken("sam");
  await github.createRepository({ owner: "acme", name: "open", private: false, files: { "a.txt": "a" } });
});
afterEach(async () => {
  await stage.github.delivered();
  assert.deepEqual(stage.github.violations(), []);
});
afterAll(() => stage[Symbol.asyncDispose]());

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const shaOf = async (path: string, ref = "main"): Promise<unknown> =>
  at((await ask(stage, boss, `GET ${FILE}`, { path, ref })).data, "sha");
const put = async (token: string, path: string, more: Record<string, unknown> = {}): Promise<Said> =>
  ask(stage, token, `PUT ${FILE}`, { path, message: `write ${path}`, content: base64(path), ...more });
const tip = async (branch = "main"): Promise<string> =>
  (await stage.github.branches("acme/web")).find(({ name }) => name === branch)?.sha ?? "";
const brief = ({ status, message }: Said): readonly unknown[] => [status, message];

describe("a person's token", () => {
  it("says who the person is and what its scopes are, in every answer, refusals too", async () => {
    const me = await ask(stage, boss, "GET /user");
    const refused = await ask(stage, stranger, `GET ${REPO}`);

    expect([me.status, at(me.data, "login")]).toEqual([200, "boss"]);
    expect(at(me.headers, "x-oauth-scopes")).toBe("repo, workflow, read:org, gist");
    expect([refused.status, at(refused.headers, "x-oauth-scopes")]).toEqual([404, "repo, workflow, read:org, gist"]);
    expect(at((await ask(stage, await stage.token(), `GET ${REPO}`)).headers, "x-oauth-scopes")).toBeUndefined();
  });

  it("looks like one that gh has, and is counted as a user's", async () => {
    stage.github.resetCalls();

    await ask(stage, writer, `GET ${REPO}`);

    expect(writer).toMatch(/^gho_[A-Za-z0-9]{36}$/);
    expect([stage.github.calls("user"), stage.github.calls("installation")]).toEqual([{ "GET /repos/{owner}/{repo}": 1 }, {}]);
  });

  it("opens neither the App's routes nor an installation's, nor the App's tokens a person's", async () => {
    expect((await ask(stage, boss, "GET /app")).status).toBe(401);
    expect((await ask(stage, boss, "GET /installation/repositories")).status).toBe(403);
    expect(brief(await ask(stage, await stage.token(), "GET /user"))).toEqual([403, "Resource not accessible by integration"]);
    expect((await ask(stage, await stage.jwt(), "GET /user")).status).toBe(403);
  });

  it("shows no private repository to who has no role there, nor where it lacks the scope", async () => {
    const unscoped = stage.github.personToken("boss", ["read:org"]);

    expect((await ask(stage, stranger, `GET ${REPO}`)).status).toBe(404);
    expect((await ask(stage, unscoped, `GET ${REPO}`)).status).toBe(404);
    expect((await ask(stage, unscoped, `GET ${REPO}`, { repo: "open" })).status).toBe(200);
    expect((await ask(stage, unscoped, `PUT ${FILE}`, { repo: "open", path: "x", message: "x", content: "" })).status).toBe(404);
  });

  it("tells what the person may do in a repository", async () => {
    const may = async (token: string) => at((await ask(stage, token, `GET ${REPO}`)).data, "permissions");

    expect(await may(boss)).toEqual({ admin: true, maintain: true, push: true, triage: true, pull: true });
    expect(await may(writer)).toEqual({ admin: false, maintain: false, push: true, triage: true, pull: true });
    expect(await may(reader)).toMatchObject({ push: false, triage: false, pull: true });
  });

  it("opens GraphQL to what the person sees", async () => {
    const query = `{ repository(owner: "acme", name: "web") { nameWithOwner } }`;
    const name = async (token: string) => at((await ask(stage, token, "POST /graphql", { query })).data, "data", "repository");

    expect([await name(reader), await name(stranger)]).toEqual([{ nameWithOwner: "acme/web" }, null]);
  });

  it("opens git over http as far as the person's role goes", async () => {
    const url = (token: string): string => `${stage.github.url.replace("://", `://x:${token}@`)}/acme/web.git`;

    expect(await stage.git(["ls-remote", url(reader), "refs/heads/main"])).toContain(await tip());
    await expect(stage.git(["ls-remote", url(stranger)])).rejects.toThrow(/not found/);
  });
});

describe("collaborators", () => {
  const logins = async (token: string, params: Record<string, unknown> = {}) => {
    const { data } = await ask(stage, token, `GET ${REPO}/collaborators`, params);
    return (data as readonly { login: string; role_name: string }[]).map(({ login, role_name }) => `${login} ${role_name}`);
  };

  it("are who has a role, with the organisation's admins", async () => {
    expect(await logins(boss)).toEqual(["boss admin", "wendy write", "rita read"]);
    expect(await logins(boss, { affiliation: "outside" })).toEqual(["wendy write", "rita read"]);
    expect(await logins(writer, { permission: "push" })).toEqual(["boss admin", "wendy write"]);
  });

  it("are shown to who may push", async () => {
    expect(brief(await ask(stage, reader, `GET ${REPO}/collaborators`))).toEqual([
      403,
      "Must have push access to view repository collaborators.",
    ]);
  });
});

describe("a repository", () => {
  it("is made in an organisation by its members, and deleted by its admins who have the scope", async () => {
    const made = await ask(stage, boss, "POST /orgs/{org}/repos", {
      name: "fresh",
      private: true,
      auto_init: true,
      description: "New.",
    });
    const again = await ask(stage, boss, "POST /orgs/{org}/repos", { name: "fresh" });
    const outside = await ask(stage, stranger, "POST /orgs/{org}/repos", { name: "theirs" });
    const unscoped = await ask(stage, boss, `DELETE ${REPO}`, { repo: "fresh" });
    const token = stage.github.personToken("boss", ["repo", "delete_repo"]);
    const deleted = await ask(stage, token, `DELETE ${REPO}`, { repo: "fresh" });

    expect([made.status, at(made.data, "private"), at(made.data, "description"), at(made.data, "permissions", "admin")]).toEqual([
      201,
      true,
      "New.",
      true,
    ]);
    expect([again.status, at(again.data, "errors", 0, "message")]).toEqual([422, "name already exists on this account"]);
    expect(outside.status).toBe(403);
    expect(brief(unscoped)).toEqual([403, NO_ADMIN]);
    expect([deleted.status, (await ask(stage, boss, `GET ${REPO}`, { repo: "fresh" })).status]).toEqual([204, 404]);
  });

  it("that was deleted can be made again under its name, empty", async () => {
    const token = stage.github.personToken("sam", ["repo", "delete_repo"]);
    const make = () => ask(stage, token, "POST /user/repos", { name: "mine", private: true });
    await make();
    await ask(stage, token, `PUT ${FILE}`, { owner: "sam", repo: "mine", path: "a", message: "a", content: "" });

    const deleted = await ask(stage, token, `DELETE ${REPO}`, { owner: "sam", repo: "mine" });
    const made = await make();
    const contents = await ask(stage, token, `GET ${FILE}`, { owner: "sam", repo: "mine", path: "a" });
    const cloned = await stage.git(["ls-remote", `${stage.github.url.replace("://", `://x:${token}@`)}/sam/mine.git`]);
    const ref = await ask(stage, token, `GET ${REPO}/git/ref/{ref}`, { owner: "sam", repo: "mine", ref: "heads/main" });

    expect([deleted.status, made.status, at(made.data, "permissions", "admin")]).toEqual([204, 201, true]);
    expect([brief(contents), cloned]).toEqual([[404, "This repository is empty."], ""]);
    expect(brief(ref)).toEqual([409, "Git Repository is empty."]);
  });
});

describe("contents", () => {
  it("are written as one commit of the person's, made anew with the sha of what was there, and deleted", async () => {
    const made = await put(writer, "docs/new.md", { message: "a page" });
    const sha = at(made.data, "content", "sha");
    const unnamed = await put(writer, "docs/new.md");
    const outdated = await put(writer, "docs/new.md", { sha: "0".repeat(40) });
    const updated = await put(writer, "docs/new.md", { sha, content: base64("two") });
    const deleted = await ask(stage, writer, `DELETE ${FILE}`, {
      path: "docs/new.md",
      message: "gone",
      sha: at(updated.data, "content", "sha"),
    });

    expect([made.status, at(made.data, "commit", "author", "name"), at(made.data, "commit", "message")]).toEqual([
      201,
      "wendy",
      "a page",
    ]);
    expect(brief(unnamed)).toEqual([422, `Invalid request.\n\n"sha" wasn't supplied.`]);
    expect(brief(outdated)).toEqual([409, `docs/new.md does not match ${"0".repeat(40)}`]);
    expect([updated.status, deleted.status]).toEqual([200, 200]);
    expect((await ask(stage, writer, `GET ${FILE}`, { path: "docs/new.md" })).status).toBe(404);
  });

  it("are the first commit of an empty repository", async () => {
    await ask(stage, boss, "POST /orgs/{org}/repos", { name: "empty", private: true });

    const made = await put(boss, "a.txt", { repo: "empty" });

    expect([made.status, at(made.data, "commit", "parents", "length")]).toEqual([201, 0]);
    expect(await stage.github.branches("acme/empty")).toMatchObject([{ name: "main" }]);
  });

  it("go to a branch that is there, and are written by nobody who only reads", async () => {
    expect(brief(await put(writer, "a", { branch: "nowhere" }))).toEqual([404, "Branch nowhere not found"]);
    expect((await put(reader, "a")).status).toBe(404);
  });

  it("that are workflows take the scope of that name, of an App the permission", async () => {
    const path = ".github/workflows/ci.yml";
    const unscoped = stage.github.personToken("wendy", ["repo"]);

    expect((await put(unscoped, path)).status).toBe(404);
    expect(brief(await put(await stage.token(), path))).toEqual([403, "Resource not accessible by integration"]);
    expect((await put(await stage.token(), "by-app.txt")).status).toBe(201);
    expect((await put(writer, path)).status).toBe(201);
  });

  it("of a protected branch are changed by admins alone, and by none where it is enforced for them", async () => {
    await stage.github.push("acme/web", "guarded", { "g.txt": "g" }, "a branch");
    stage.github.protectBranch("acme/web", "guarded");
    const rules = { required_status_checks: null, required_pull_request_reviews: {}, restrictions: null };
    const change = async (token: string) =>
      put(token, "g.txt", { branch: "guarded", sha: await shaOf("g.txt", "guarded"), content: base64(String(Math.random())) });

    expect(brief(await change(writer))).toEqual([409, PULL_FIRST]);
    expect((await change(boss)).status).toBe(200);
    await ask(stage, boss, `PUT ${GUARD}`, { branch: "guarded", ...rules, enforce_admins: true });
    expect(brief(await change(boss))).toEqual([409, PULL_FIRST]);
  });
});

describe("a branch's protection", () => {
  const rules = {
    required_status_checks: { strict: true, contexts: ["ci"] },
    enforce_admins: true,
    required_pull_request_reviews: { required_approving_review_count: 2, require_code_owner_reviews: true },
    restrictions: { users: ["wendy"], teams: [], apps: ["agent-pool"] },
    allow_deletions: false,
  };

  it("is set, read and taken away by admins", async () => {
    const before = await ask(stage, boss, `GET ${GUARD}`, { branch: "main" });
    const set = await ask(stage, boss, `PUT ${GUARD}`, { branch: "main", ...rules });
    const seen = await ask(stage, boss, `GET ${GUARD}`, { branch: "main" });
    const branch = await ask(stage, boss, `GET ${REPO}/branches/{branch}`, { branch: "main" });
    const gone = await ask(stage, boss, `DELETE ${GUARD}`, { branch: "main" });

    expect(brief(before)).toEqual([404, "Branch not protected"]);
    expect([set.status, at(branch.data, "protected"), gone.status]).toEqual([200, true, 204]);
    expect(seen.data).toMatchObject({
      required_status_checks: { strict: true, contexts: ["ci"] },
      enforce_admins: { enabled: true },
      required_pull_request_reviews: { required_approving_review_count: 2, require_code_owner_reviews: true },
      restrictions: { users: [{ login: "wendy" }], apps: [{ slug: "agent-pool" }] },
      allow_force_pushes: { enabled: false },
    });
    expect((await ask(stage, boss, `DELETE ${GUARD}`, { branch: "main" })).status).toBe(404);
  });

  it.each([
    ["a pull request", { required_pull_request_reviews: {} }, PULLS],
    ["a check", { required_status_checks: { strict: false, contexts: ["ci"] } }, 'Required status check "ci" is expected.'],
    ["other people", { restrictions: { users: ["boss"], teams: [] } }, "You're not authorized to push to this branch."],
    ["nothing, as it is locked,", { lock_branch: true }, "Cannot change this locked branch"],
    ["nothing in particular", {}, undefined],
  ])("that asks for %s says so to who pushes and is no admin, and is forced and deleted by nobody", async (what, part, why) => {
    const branch = `held-by-${what.replaceAll(/\W/g, "-")}`;
    await stage.github.push("acme/web", branch, { "h.txt": "h" }, "a branch");
    const open = { required_status_checks: null, enforce_admins: false, required_pull_request_reviews: null, restrictions: null };
    await ask(stage, boss, `PUT ${GUARD}`, { branch, ...open, ...part });
    const move = (token: string, sha: string) =>
      ask(stage, token, `PATCH ${REPO}/git/refs/{ref}`, { ref: `heads/${branch}`, sha, force: true });

    const written = await put(writer, "new.txt", { branch });
    const moved = await move(boss, await tip());

    expect(brief(written)).toEqual(why === undefined ? [201, undefined] : [409, `Could not create file: ${why}`]);
    expect(brief(moved)).toEqual([422, "Cannot force-push to this branch"]);
    expect((await put(boss, "by-boss.txt", { branch })).status).toBe(201);
    expect(brief(await ask(stage, boss, `DELETE ${REPO}/git/refs/{ref}`, { ref: `heads/${branch}` }))).toEqual([
      422,
      "Cannot delete a protected branch",
    ]);
  });

  it("is hidden from who is no admin, and needs a branch", async () => {
    expect((await ask(stage, writer, `GET ${GUARD}`, { branch: "main" })).status).toBe(404);
    expect((await ask(stage, writer, `PUT ${GUARD}`, { branch: "main", ...rules })).status).toBe(404);
    expect(brief(await ask(stage, boss, `GET ${GUARD}`, { branch: "none" }))).toEqual([404, "Branch not found"]);
    expect((await ask(stage, await stage.token(), `GET ${GUARD}`, { branch: "main" })).status).toBe(403);
  });

  it("is what a private repository on Free has none of, nor rulesets", async () => {
    await using own = await makeStage();
    await own.github.createPerson("boss");
    own.github.setOrganizationRole("acme", "boss", "admin");
    own.github.setPlan("acme", "free");
    const token = own.github.personToken("boss");
    const upgrade = [403, "Upgrade to GitHub Pro or make this repository public to enable this feature."];

    expect(brief(await ask(own, token, `GET ${GUARD}`, { branch: "main" }))).toEqual(upgrade);
    expect(brief(await ask(own, token, `PUT ${GUARD}`, { branch: "main", ...rules }))).toEqual(upgrade);
    expect(brief(await ask(own, token, `GET ${REPO}/rules/branches/{branch}`, { branch: "main" }))).toEqual(upgrade);
    assert.deepEqual(own.github.violations(), []);
  });
});

describe("rules of rulesets", () => {
  const rulesOf = async (token: string, branch: string) =>
    (await ask(stage, token, `GET ${REPO}/rules/branches/{branch}`, { branch })).data;

  it("hold for branches by pattern, whether they exist or not, and keep new ones from being made", async () => {
    const checks = { required_status_checks: [{ context: "ci" }], strict_required_status_checks_policy: true };
    stage.github.setBranchRules("acme/web", "agent-pool/**", [
      { type: "creation" },
      { type: "required_status_checks", parameters: checks },
    ]);
    const make = async (name: string) =>
      ask(stage, writer, `POST ${REPO}/git/refs`, { ref: `refs/heads/${name}`, sha: await tip() });

    expect(await rulesOf(reader, "agent-pool/a/b")).toMatchObject([
      { type: "creation", ruleset_source: "acme/web" },
      { type: "required_status_checks", parameters: checks },
    ]);
    expect(await rulesOf(await stage.token(), "agent-pool/a")).toHaveLength(2);
    expect(await rulesOf(reader, "other")).toEqual([]);
    expect([(await make("agent-pool/x")).status, (await make("other")).status]).toEqual([422, 201]);
    stage.github.setBranchRules("acme/web", "agent-pool/**", []);
    expect((await make("agent-pool/x")).status).toBe(201);
  });

  it("hold for admins too", async () => {
    await stage.github.push("acme/web", "ruled", { "r.txt": "r" }, "a branch");
    const parameters = {
      dismiss_stale_reviews_on_push: false,
      require_code_owner_review: false,
      require_last_push_approval: false,
      required_approving_review_count: 0,
      required_review_thread_resolution: false,
    };
    stage.github.setBranchRules("acme/web", "ruled", [{ type: "pull_request", parameters }, { type: "deletion" }]);
    const remove = () => ask(stage, boss, `DELETE ${REPO}/git/refs/{ref}`, { ref: "heads/ruled" });
    const violated = (why: string): string => `Repository rule violations found\n\n${why}\n\n`;

    expect(brief(await put(boss, "new.txt", { branch: "ruled" }))).toEqual([409, violated(PULLS)]);
    expect(brief(await remove())).toEqual([422, violated("Cannot delete this branch")]);
    expect(await rulesOf(boss, "ruled")).toHaveLength(2);
    stage.github.setBranchRules("acme/web", "ruled", []);
    expect([(await put(boss, "new.txt", { branch: "ruled" })).status, (await remove()).status]).toEqual([201, 204]);
  });
});

describe("refs and pull requests of a person", () => {
  const open = async (head: string, more: Record<string, unknown> = {}): Promise<Said> => {
    await stage.github.push("acme/web", head, { [`${head}.txt`]: head }, head);
    return ask(stage, writer, `POST ${REPO}/pulls`, { title: `T ${head}`, head, base: "main", ...more });
  };
  const merge = async (token: string, pull: Said, more: Record<string, unknown> = {}) =>
    ask(stage, token, `PUT ${REPO}/pulls/{pull_number}/merge`, { pull_number: at(pull.data, "number"), ...more });

  it("are the person's own, in webhooks too", async () => {
    const made = await open("mine");
    const seen = await ask(stage, reader, `GET ${REPO}/pulls`, { head: "acme:mine" });
    const closed = await ask(stage, writer, `PATCH ${REPO}/pulls/{pull_number}`, {
      pull_number: at(made.data, "number"),
      state: "closed",
    });
    const gone = await ask(stage, writer, `DELETE ${REPO}/git/refs/{ref}`, { ref: "heads/mine" });
    await stage.github.delivered();

    expect([made.status, at(made.data, "user", "login"), at(seen.data, "length")]).toEqual([201, "wendy", 1]);
    expect([closed.status, gone.status]).toEqual([200, 204]);
    expect(stage.received.findLast(({ event }) => event === "pull_request")?.payload).toMatchObject({
      action: "closed",
      sender: { login: "wendy" },
    });
    expect((await ask(stage, reader, `GET ${REPO}/git/ref/{ref}`, { ref: "heads/mine" })).status).toBe(404);
  });

  it("are changed by nobody who neither wrote them nor may write", async () => {
    const made = await open("theirs");
    const change = (token: string) =>
      ask(stage, token, `PATCH ${REPO}/pulls/{pull_number}`, { pull_number: at(made.data, "number"), title: "x" });

    expect([(await change(reader)).status, (await change(boss)).status]).toEqual([403, 200]);
  });

  it.each(["merge", "squash", "rebase"])("are merged by %s, once, and say so", async (method) => {
    const made = await open(`by-${method}`);

    const merged = await merge(writer, made, { merge_method: method });
    const again = await merge(writer, made);
    const seen = await ask(stage, reader, `GET ${REPO}/pulls/{pull_number}`, { pull_number: at(made.data, "number") });
    const commit = await ask(stage, reader, `GET ${REPO}/git/commits/{commit_sha}`, { commit_sha: await tip() });
    await stage.github.delivered();

    expect([merged.status, at(merged.data, "merged"), at(merged.data, "sha")]).toEqual([200, true, await tip()]);
    expect(brief(again)).toEqual([405, "Pull Request is not mergeable"]);
    expect(seen.data).toMatchObject({
      state: "closed",
      merged: true,
      merged_by: { login: "wendy" },
      merge_commit_sha: await tip(),
    });
    expect(at(commit.data, "parents", "length")).toBe(method === "merge" ? 2 : 1);
    expect(await shaOf(`by-${method}.txt`)).toBeDefined();
    const told = stage.received.filter(({ payload }) => at(payload, "pull_request", "merged") === true).at(-1);
    expect(told?.payload).toMatchObject({ action: "closed", number: at(made.data, "number") });
    expect(stage.received.some(({ event, payload }) => event === "push" && payload["after"] === at(merged.data, "sha"))).toBe(
      true,
    );
  });

  it("are not merged over a conflict, as a draft, at another head, or by a reader", async () => {
    await stage.github.push("acme/web", "clash", { "c.txt": "one" }, "one");
    await stage.github.push("acme/web", "main", { "c.txt": "two" }, "two");
    const clash = await ask(stage, writer, `POST ${REPO}/pulls`, { title: "C", head: "clash", base: "main" });
    const draft = await open("draft", { draft: true });
    const plain = await open("plain");

    expect(brief(await merge(writer, clash))).toEqual([405, "Pull Request is not mergeable"]);
    expect(brief(await merge(writer, draft))).toEqual([405, "Pull Request is still a draft"]);
    expect((await merge(writer, plain, { sha: "0".repeat(40) })).status).toBe(409);
    expect((await merge(reader, plain)).status).toBe(404);
  });

  it("wait for an approval where the base asks for one, but for an admin", async () => {
    const made = await open("approved");
    stage.github.protectBranch("acme/web", "main");

    const refused = await merge(writer, made);
    const forced = await merge(boss, made);
    await ask(stage, boss, `DELETE ${GUARD}`, { branch: "main" });

    expect(brief(refused)).toEqual([405, "At least 1 approving review is required by reviewers with write access."]);
    expect(forced.status).toBe(200);
  });
});

describe("issues and labels of a person", () => {
  it("have comments that their writers change, and who may write", async () => {
    const made = await ask(stage, writer, `POST ${REPO}/issues`, { title: "Talk" });
    const said = await ask(stage, reader, `POST ${REPO}/issues/{issue_number}/comments`, {
      issue_number: at(made.data, "number"),
      body: "hi",
    });
    const comment = (token: string, method: string, more: Record<string, unknown> = {}) =>
      ask(stage, token, `${method} ${REPO}/issues/comments/{comment_id}`, { comment_id: at(said.data, "id"), ...more });
    stage.github.setRole("acme/web", "sam", "read");

    expect([said.status, at(said.data, "user", "login")]).toEqual([201, "rita"]);
    expect((await comment(stranger, "PATCH", { body: "no" })).status).toBe(403);
    expect((await comment(reader, "PATCH", { body: "ho" })).status).toBe(200);
    expect([(await comment(stranger, "DELETE")).status, (await comment(writer, "DELETE")).status]).toEqual([403, 204]);
    stage.github.setRole("acme/web", "sam", "none");
  });

  it("send what the page sends", async () => {
    const made = await ask(stage, writer, `POST ${REPO}/issues`, { title: "By gh", body: "b", labels: ["bug"] });
    const labelled = await ask(stage, writer, `POST ${REPO}/issues/{issue_number}/labels`, {
      issue_number: at(made.data, "number"),
      labels: ["agent"],
    });
    await stage.github.delivered();

    expect([made.status, at(made.data, "user", "login"), at(labelled.data, "length")]).toEqual([201, "wendy", 2]);
    const actions = stage.received.filter(
      ({ event, payload }) => event === "issues" && at(payload, "issue", "title") === "By gh",
    );
    expect(actions.map(({ payload }) => [payload["action"], at(payload, "label", "name")])).toEqual([
      ["opened", undefined],
      ["labeled", "bug"],
      ["labeled", "agent"],
    ]);
  });

  it("carry no label by who may not label", async () => {
    const made = await ask(stage, reader, `POST ${REPO}/issues`, { title: "Mine", labels: ["bug"] });
    const labelled = await ask(stage, reader, `POST ${REPO}/issues/{issue_number}/labels`, {
      issue_number: at(made.data, "number"),
      labels: ["bug"],
    });

    expect([made.status, at(made.data, "labels", "length"), labelled.status]).toEqual([201, 0, 403]);
  });

  it("are made, read and deleted by who may write", async () => {
    const label = { name: "agent pool", color: "0e8a16", description: "Goes to the pool." };
    const named = { name: "agent pool" };

    const made = await ask(stage, writer, `POST ${REPO}/labels`, label);
    const again = await ask(stage, writer, `POST ${REPO}/labels`, { name: "Agent Pool" });
    const seen = await ask(stage, reader, `GET ${REPO}/labels/{name}`, named);
    const refused = await ask(stage, reader, `DELETE ${REPO}/labels/{name}`, named);
    const gone = await ask(stage, writer, `DELETE ${REPO}/labels/{name}`, named);

    expect([made.status, refused.status, gone.status]).toEqual([201, 404, 204]);
    expect([again.status, at(again.data, "errors", 0, "code")]).toEqual([422, "already_exists"]);
    expect(seen.data).toMatchObject(label);
    expect((await ask(stage, reader, `GET ${REPO}/labels/{name}`, named)).status).toBe(404);
  });
});
