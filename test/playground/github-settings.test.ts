import assert from "node:assert/strict";
import sodium from "libsodium-wrappers";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ask, at, makeStage, type Said, type Stage } from "./github-kit.ts";

const REPO = "/repos/{owner}/{repo}";
const ENVIRONMENT = `${REPO}/environments/{environment_name}`;
const SECRET = `${ENVIRONMENT}/secrets/{secret_name}`;
const POLICIES = `${ENVIRONMENT}/deployment-branch-policies`;
const PERMISSIONS = `${REPO}/actions/permissions`;
const WORKFLOW = `${REPO}/actions/workflows/{workflow_id}`;
const NO_ADMIN = "Must have admin rights to Repository.";
const CUSTOM = { protected_branches: false, custom_branch_policies: true };

let stage: Stage;
/** Tokens: of acme's owner, of a member who may write to web, of who has no role there. */
let boss: string;
let writer: string;
let stranger: string;

beforeAll(async () => {
  stage = await makeStage();
  const { github } = stage;
  for (const login of ["boss", "wendy", "sam"]) await github.createPerson(login);
  github.setOrganizationRole("acme", "boss", "admin");
  github.setOrganizationRole("acme", "wendy", "member");
  github.setRole("acme/web", "wendy", "write");
  boss = github.personToken("boss");
  writer = github.personToken("wendy");
  stranger = github.personToken("sam");
  await github.push("acme/web", "main", { ".github/workflows/one.yml": "name: One\non: workflow_dispatch\njobs: {}\n" }, "one");
  await github.createRepository({ owner: "acme", name: "open", private: false, files: { "a.txt": "a" } });
});
afterEach(async () => {
  await stage.github.delivered();
  assert.deepEqual(stage.github.violations(), []);
});
afterAll(() => stage[Symbol.asyncDispose]());

const brief = ({ status, message }: Said): readonly unknown[] => [status, message];
const environment = (token: string, method: string, name: string, more: Record<string, unknown> = {}): Promise<Said> =>
  ask(stage, token, `${method} ${ENVIRONMENT}`, { environment_name: name, ...more });

type Place = { readonly environment_name: string; readonly secret_name: string };

/** Seals a value as GitHub's documentation tells, for the environment's key or another. */
async function put(token: string, place: Place, value: string, foreign = false): Promise<Said> {
  await sodium.ready;
  const { environment_name } = place;
  const { data } = await ask(stage, token, `GET ${ENVIRONMENT}/secrets/public-key`, { environment_name });
  const key = foreign ? sodium.crypto_box_keypair().publicKey : Buffer.from(String(at(data, "key")), "base64");
  const sealed = Buffer.from(sodium.crypto_box_seal(value, key)).toString("base64");
  return ask(stage, token, `PUT ${SECRET}`, { ...place, encrypted_value: sealed, key_id: at(data, "key_id") });
}

/** What a job of web's main branch finds in an environment. */
async function entered(name: string): Promise<unknown> {
  await ask(stage, writer, `POST ${WORKFLOW}/dispatches`, { workflow_id: "one.yml", ref: "main" });
  const run = await stage.github.host.takeRun(AbortSignal.timeout(1_000));
  return (await stage.github.host.enterEnvironment(run?.id ?? 0, name))?.secrets;
}

describe("an environment", () => {
  it("is made, listed and deleted by admins, and read by all who read", async () => {
    const refused = await environment(writer, "PUT", "made");
    const made = await environment(boss, "PUT", "made");
    const list = await ask(stage, writer, `GET ${REPO}/environments`);
    const gone = await environment(boss, "DELETE", "MADE");

    expect(brief(refused)).toEqual([403, NO_ADMIN]);
    expect([made.status, at(made.data, "deployment_branch_policy"), at(made.data, "protection_rules")]).toEqual([200, null, []]);
    expect(list.data).toMatchObject({ total_count: 1, environments: [{ name: "made" }] });
    expect([gone.status, (await environment(writer, "GET", "made")).status]).toEqual([204, 404]);
    expect((await environment(stranger, "GET", "made")).status).toBe(404);
  });

  it("says which branches may deploy: all, protected ones, or by name", async () => {
    const policies = (method: string, more: Record<string, unknown> = {}) =>
      ask(stage, boss, `${method} ${POLICIES}`, { environment_name: "branches", ...more });
    const set = (deployment_branch_policy: unknown) => environment(boss, "PUT", "branches", { deployment_branch_policy });
    const guarded = { protected_branches: true, custom_branch_policies: false };

    expect(at((await set(guarded)).data, "deployment_branch_policy")).toEqual(guarded);
    expect((await policies("POST", { name: "main" })).status).toBe(404);
    expect(at((await set(CUSTOM)).data, "deployment_branch_policy")).toEqual(CUSTOM);
    const main = await policies("POST", { name: "main" });
    expect((await policies("POST", { name: "main" })).status).toBe(303);
    await policies("POST", { name: "v*", type: "tag" });
    // Said again, they stay.
    await set(CUSTOM);
    expect((await policies("GET")).data).toMatchObject({ total_count: 2, branch_policies: [{ name: "main" }, { type: "tag" }] });
    const gone = await ask(stage, boss, `DELETE ${POLICIES}/{branch_policy_id}`, {
      environment_name: "branches",
      branch_policy_id: at(main.data, "id"),
    });
    expect([gone.status, await entered("branches")]).toEqual([204, undefined]);
    expect(at((await set(null)).data, "deployment_branch_policy")).toBeNull();
    expect((await set({ protected_branches: true, custom_branch_policies: true })).status).toBe(422);
  });

  it("waits, and asks people and teams for approval, where the plan has that", async () => {
    stage.github.setTeam("acme", "platform", { wendy: "active" });
    const team = await ask(stage, boss, "GET /orgs/{org}/teams/{team_slug}", { team_slug: "platform" });
    const me = await ask(stage, writer, "GET /user");
    const reviewers = [
      { type: "User", id: at(me.data, "id") },
      { type: "Team", id: at(team.data, "id") },
    ];
    const rules = { wait_timer: 30, prevent_self_review: true, reviewers };

    const set = await environment(boss, "PUT", "slow", { repo: "open", ...rules });
    const hidden = await environment(boss, "PUT", "slow", { reviewers });
    const nobody = await environment(boss, "PUT", "slow", { repo: "open", reviewers: [{ type: "User", id: 1 }] });

    expect(set.status).toBe(200);
    expect(at((await environment(boss, "GET", "slow", { repo: "open" })).data, "protection_rules")).toMatchObject([
      { type: "wait_timer", wait_timer: 30 },
      {
        type: "required_reviewers",
        prevent_self_review: true,
        reviewers: [
          { type: "User", reviewer: { login: "wendy" } },
          { type: "Team", reviewer: { slug: "platform" } },
        ],
      },
    ]);
    expect([hidden.status, String(hidden.message)]).toEqual([422, expect.stringContaining("billing plan") as string]);
    expect(nobody.status).toBe(422);
  });

  it("shows what a test set up", async () => {
    const nothing = { secrets: {}, variables: {} };
    stage.github.createEnvironment("acme/web", "checked", { branches: ["main"], reviewers: 2, waitMinutes: 5, ...nothing });

    const rules = at((await environment(boss, "GET", "checked")).data, "protection_rules");

    expect((rules as readonly { type: string }[]).map(({ type }) => type)).toEqual([
      "wait_timer",
      "required_reviewers",
      "branch_policy",
    ]);
    expect(at(rules, 1, "reviewers", "length")).toBe(2);
    await environment(boss, "DELETE", "checked");
  });
});

describe("an environment's secret", () => {
  it("sealed to the environment's key is what a job finds there", async () => {
    await environment(boss, "PUT", "keys", { deployment_branch_policy: CUSTOM });
    await ask(stage, boss, `POST ${POLICIES}`, { environment_name: "keys", name: "main" });
    const place = { environment_name: "keys", secret_name: "agent_pool_key" };

    const made = await put(boss, place, "sk-ant-first");
    const again = await put(boss, place, "sk-ant-sécond");

    expect([made.status, again.status]).toEqual([201, 204]);
    expect(await entered("keys")).toEqual({ AGENT_POOL_KEY: "sk-ant-sécond" });
    expect((await ask(stage, boss, `GET ${ENVIRONMENT}/secrets`, { environment_name: "keys" })).data).toMatchObject({
      total_count: 1,
      secrets: [{ name: "AGENT_POOL_KEY" }],
    });
    expect((await ask(stage, boss, `GET ${SECRET}`, place)).status).toBe(200);
    expect([(await ask(stage, boss, `DELETE ${SECRET}`, place)).status, await entered("keys")]).toEqual([204, {}]);
    expect((await ask(stage, boss, `GET ${SECRET}`, place)).status).toBe(404);
  });

  it("sealed to another key is refused, as are a name GitHub doesn't allow and who may not write", async () => {
    await environment(boss, "PUT", "keys");
    const place = { environment_name: "keys", secret_name: "ONE" };
    const sealed = { encrypted_value: Buffer.alloc(64).toString("base64"), key_id: "1" };

    expect((await put(boss, place, "x", true)).status).toBe(422);
    expect((await ask(stage, boss, `PUT ${SECRET}`, { ...place, ...sealed })).status).toBe(422);
    expect((await put(boss, { ...place, secret_name: "GITHUB_X" }, "x")).status).toBe(422);
    expect((await ask(stage, boss, `GET ${SECRET}`, place)).status).toBe(404);
    expect((await ask(stage, stranger, `PUT ${SECRET}`, { ...place, ...sealed, repo: "open" })).status).toBe(403);
    expect((await ask(stage, boss, `PUT ${SECRET}`, { ...place, ...sealed, environment_name: "none" })).status).toBe(404);
  });
});

describe("secrets behind an environment's", () => {
  it("are the repository's, then the organisation's: the nearest of a name counts", async () => {
    const { github } = stage;
    github.createEnvironment("acme/web", "layers", { branches: "all", secrets: { NEAR: "environment" }, variables: {} });
    for (const name of ["NEAR", "MIDDLE"]) github.setSecret("acme/web", name, "repository");
    for (const name of ["NEAR", "MIDDLE", "FAR"]) github.setOrganizationSecret("acme", name, "organisation");
    const all = { NEAR: "environment", MIDDLE: "repository", FAR: "organisation" };
    const names = async (path: string) => at((await ask(stage, boss, `GET ${REPO}/actions/${path}`)).data, "secrets");

    expect(await entered("layers")).toEqual(all);
    expect(await names("secrets")).toMatchObject([{ name: "MIDDLE" }, { name: "NEAR" }]);
    expect(await names("organization-secrets")).toMatchObject([{ name: "FAR" }, { name: "MIDDLE" }, { name: "NEAR" }]);
    expect(brief(await ask(stage, stranger, `GET ${REPO}/actions/secrets`, { repo: "open" }))).toEqual([403, NO_ADMIN]);

    const gone = await ask(stage, boss, `DELETE ${REPO}/actions/secrets/{secret_name}`, { secret_name: "middle" });
    expect([gone.status, await entered("layers")]).toEqual([204, { ...all, MIDDLE: "organisation" }]);
    github.setPlan("acme", "free");
    expect(await entered("layers")).toEqual({ NEAR: "repository" });
    github.setPlan("acme", "team");
  });

  it("are taken from an organisation by its admins who have the scope", async () => {
    stage.github.setOrganizationSecret("acme", "OLD", "x");
    const remove = (token: string) =>
      ask(stage, token, "DELETE /orgs/{org}/actions/secrets/{secret_name}", { secret_name: "OLD" });
    const scopes = ["repo", "admin:org"];

    expect((await remove(boss)).status).toBe(403);
    expect((await remove(stage.github.personToken("wendy", scopes))).status).toBe(403);
    expect((await remove(stage.github.personToken("sam", scopes))).status).toBe(404);
    const admin = stage.github.personToken("boss", scopes);
    expect([(await remove(admin)).status, (await remove(admin)).status]).toEqual([204, 404]);
  });
});

describe("what Actions may do in a repository", () => {
  it("is everything, until an admin says otherwise", async () => {
    const permissions = async () => (await ask(stage, boss, `GET ${PERMISSIONS}`)).data;
    const selected = `${PERMISSIONS}/selected-actions`;
    const chosen = { github_owned_allowed: true, verified_allowed: false, patterns_allowed: ["agent-pool/*"] };

    expect(await permissions()).toMatchObject({ enabled: true, allowed_actions: "all" });
    expect((await ask(stage, boss, `GET ${selected}`)).status).toBe(409);
    expect((await ask(stage, boss, `PUT ${PERMISSIONS}`, { enabled: true, allowed_actions: "selected" })).status).toBe(204);
    expect((await ask(stage, boss, `PUT ${selected}`, chosen)).status).toBe(204);
    expect((await ask(stage, boss, `GET ${selected}`)).data).toEqual(chosen);
    expect(await permissions()).toMatchObject({ allowed_actions: "selected" });
    await ask(stage, boss, `PUT ${PERMISSIONS}`, { enabled: false });
    expect(await permissions()).toEqual({ enabled: false });
    await ask(stage, boss, `PUT ${PERMISSIONS}`, { enabled: true, allowed_actions: "all" });
    expect(brief(await ask(stage, writer, `GET ${PERMISSIONS}`))).toEqual([403, NO_ADMIN]);
  });

  it("is not to run a workflow that is disabled", async () => {
    const workflow = { workflow_id: "one.yml" };
    const state = async () => at((await ask(stage, writer, `GET ${WORKFLOW}`, workflow)).data, "state");
    const dispatch = () => ask(stage, writer, `POST ${WORKFLOW}/dispatches`, { ...workflow, ref: "main" });

    expect(await state()).toBe("active");
    expect((await ask(stage, writer, `PUT ${WORKFLOW}/disable`, workflow)).status).toBe(204);
    expect([await state(), brief(await dispatch())]).toEqual([
      "disabled_manually",
      [422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow"],
    ]);
    expect((await ask(stage, writer, `PUT ${WORKFLOW}/enable`, workflow)).status).toBe(204);
    expect([await state(), (await dispatch()).status]).toEqual(["active", 204]);
    expect((await ask(stage, writer, `GET ${WORKFLOW}`, { workflow_id: "none.yml" })).status).toBe(404);
  });

  it("is started in the name of who asked", async () => {
    await ask(stage, writer, `POST ${WORKFLOW}/dispatches`, { workflow_id: "one.yml", ref: "main" });

    expect(stage.github.runs("acme/web").at(-1)?.actor).toBe("wendy");
  });
});

describe("an organisation", () => {
  it("tells its plan to its admins alone", async () => {
    const plan = async (token: string) => at((await ask(stage, token, "GET /orgs/{org}")).data, "plan", "name");

    expect([await plan(boss), await plan(writer), await plan(stranger)]).toEqual(["team", undefined, undefined]);
    stage.github.setPlan("acme", "free");
    expect(await plan(boss)).toBe("free");
    stage.github.setPlan("acme", "team");
    expect((await ask(stage, boss, "GET /orgs/{org}", { org: "boss" })).status).toBe(404);
  });

  it("tells its people their role, and strangers nothing of teams", async () => {
    stage.github.setTeam("acme", "crew", { boss: "active" });
    const role = async (token: string) => at((await ask(stage, token, "GET /user/memberships/orgs/{org}")).data, "role");
    const team = async (token: string) =>
      (await ask(stage, token, "GET /orgs/{org}/teams/{team_slug}", { team_slug: "crew" })).status;
    const outside = await stage.token({ permissions: { contents: "read" } });

    expect([await role(boss), await role(writer), await role(stranger)]).toEqual(["admin", "member", undefined]);
    expect([await team(boss), await team(writer), await team(stranger)]).toEqual([200, 200, 404]);
    expect([await team(await stage.token()), await team(outside)]).toEqual([200, 403]);
    expect(await team(stage.github.personToken("boss", ["repo"]))).toBe(403);
  });

  it("lets its members read its repositories", async () => {
    await stage.github.createRepository({ owner: "acme", name: "inner", private: true });

    expect((await ask(stage, writer, `GET ${REPO}`, { repo: "inner" })).status).toBe(200);
    expect((await ask(stage, stranger, `GET ${REPO}`, { repo: "inner" })).status).toBe(404);
  });
});

describe("an installation", () => {
  const list = (token: string, org = "acme"): Promise<Said> => ask(stage, token, "GET /orgs/{org}/installations", { org });

  it("is shown to an organisation's admins", async () => {
    const seen = await list(boss);

    expect(at(seen.data, "installations", 0)).toMatchObject({
      app_id: 4711,
      app_slug: "agent-pool",
      repository_selection: "all",
      suspended_at: null,
      permissions: { issues: "write" },
      events: expect.arrayContaining(["issues"]) as unknown,
    });
    expect([(await list(writer)).status, (await list(stranger)).status, (await list(boss, "boss")).status]).toEqual([
      403, 404, 404,
    ]);
  });

  it("that lost a permission, an event or a repository has tokens that lost it too", async () => {
    await using own = await makeStage();
    await own.github.createRepository({ owner: "acme", name: "other", private: true });
    const before = await own.token();

    own.github.setInstallation("acme", {
      permissions: { contents: "read" },
      events: ["push"],
      repositories: ["acme/other"],
    });
    const after = await own.token();
    const shown = await ask(own, await own.jwt(), "GET /app/installations");
    const narrowed = await own.call(
      "POST",
      `/app/installations/${String(at(shown.data, 0, "id"))}/access_tokens`,
      await own.jwt(),
      {
        repositories: ["web"],
      },
    );

    for (const token of [before, after]) {
      expect((await ask(own, token, `GET ${REPO}`)).status).toBe(404);
      expect((await ask(own, token, `GET ${REPO}/issues`, { repo: "other" })).status).toBe(403);
      expect((await ask(own, token, `GET ${REPO}`, { repo: "other" })).status).toBe(200);
    }
    expect(at(shown.data, 0)).toMatchObject({
      repository_selection: "selected",
      permissions: { contents: "read" },
      events: ["push"],
    });
    expect(narrowed.status).toBe(422);
    await own.github.delivered();
    const told = own.received.length;
    await own.github.push("acme/web", "main", { "x.txt": "x" }, "x");
    await own.github.delivered();
    expect(own.received.length).toBe(told);
    await own.github.push("acme/other", "main", { "x.txt": "x" }, "x");
    await own.github.delivered();
    expect(own.received.length).toBe(told + 1);
    assert.deepEqual(own.github.violations(), []);
  });

  it("that is suspended gives no tokens, has none that work, and is told of nothing", async () => {
    await using own = await makeStage();
    await own.github.createPerson("boss");
    own.github.setOrganizationRole("acme", "boss", "admin");
    const token = await own.token();
    const [, id = ""] =
      /installations\/(\d+)/.exec(JSON.stringify((await ask(own, await own.jwt(), "GET /app/installations")).data)) ?? [];
    const mint = async () => ask(own, await own.jwt(), `POST /app/installations/${id}/access_tokens`);
    const suspended = [403, "This installation has been suspended"];

    own.github.setInstallation("acme", { suspended: true });

    expect(brief(await mint())).toEqual(suspended);
    expect(brief(await ask(own, token, `GET ${REPO}`))).toEqual(suspended);
    const seen = await ask(own, own.github.personToken("boss"), "GET /orgs/{org}/installations");
    expect(at(seen.data, "installations", 0, "suspended_at")).toEqual(expect.any(String));
    await own.github.delivered();
    const told = own.received.length;
    await own.github.push("acme/web", "main", { "x.txt": "x" }, "x");
    await own.github.delivered();
    expect([own.received.length, own.received.at(-1)?.payload["action"]]).toEqual([told, "suspend"]);
    own.github.setInstallation("acme", { suspended: false });
    expect([(await mint()).status, (await ask(own, token, `GET ${REPO}`)).status]).toEqual([201, 200]);
    assert.deepEqual(own.github.violations(), []);
  });

  it("that is gone leaves nothing", async () => {
    await using own = await makeStage();
    const token = await own.token();

    own.github.uninstallApp("acme");

    expect((await ask(own, token, `GET ${REPO}`)).status).toBe(401);
    expect((await ask(own, await own.jwt(), "GET /app/installations")).data).toEqual([]);
    expect((await ask(own, await own.jwt(), `GET ${REPO}/installation`)).status).toBe(404);
    await own.github.delivered();
    expect(own.received.at(-1)?.payload["action"]).toBe("deleted");
    assert.deepEqual(own.github.violations(), []);
  });
});

describe("the App's webhook", () => {
  it("can be looked at and moved, without its secret being told", async () => {
    await using own = await makeStage();
    const jwt = await own.jwt();
    const before = await ask(own, jwt, "GET /app/hook/config");

    const moved = await ask(own, jwt, "PATCH /app/hook/config", {
      // Octokit takes a parameter `url` for the request's own.
      data: { url: `${String(at(before.data, "url"))}/moved`, secret: "new" },
    });

    expect(before.data).toMatchObject({ content_type: "json", insecure_ssl: "0", secret: "********" });
    expect(at(moved.data, "url")).toBe(`${String(at(before.data, "url"))}/moved`);
    expect((await ask(own, await own.token(), "GET /app/hook/config")).status).toBe(401);
    assert.deepEqual(own.github.violations(), []);
  });

  it("keeps its deliveries, the newest first, page by page", async () => {
    await using own = await makeStage();
    await own.github.delivered();
    own.answer.status = 500;
    await own.github.push("acme/web", "main", { "x.txt": "x" }, "x");
    await own.github.delivered();
    const jwt = await own.jwt();

    const first = await ask(own, jwt, "GET /app/hook/deliveries", { per_page: 1 });
    const next = /[?&]cursor=(\d+)/.exec(String(at(first.headers, "link")))?.[1];
    const second = await ask(own, jwt, "GET /app/hook/deliveries", { per_page: 1, cursor: next });

    expect(at(first.data, 0)).toMatchObject({ event: "push", status_code: 500, installation_id: expect.any(Number) as unknown });
    expect([at(second.data, "length"), at(second.data, 0, "status")]).toEqual([1, "OK"]);
    expect(at(second.data, 0, "id")).not.toBe(at(first.data, 0, "id"));
    assert.deepEqual(own.github.violations(), []);
  });
});

describe("a snapshot", () => {
  it("is the same after all that was made is gone, and another as long as one thing is left", async () => {
    const { github } = stage;
    const token = github.personToken("boss", ["repo", "workflow", "delete_repo"]);
    const before = await github.snapshot("acme");
    const steps: readonly (readonly [string, string, Record<string, unknown>])[] = [
      ["POST /orgs/{org}/repos", `DELETE ${REPO}`, { repo: "snap", name: "snap" }],
      [`PUT ${ENVIRONMENT}`, `DELETE ${ENVIRONMENT}`, { environment_name: "snap" }],
      [`POST ${REPO}/labels`, `DELETE ${REPO}/labels/{name}`, { name: "snap" }],
    ];

    for (const [make, unmake, what] of steps) {
      const { repo, ...body } = what;
      const made = await ask(stage, token, make, make.includes("/repos/{owner}") ? what : body);
      const during = await github.snapshot("acme");
      const gone = await ask(stage, token, unmake, unmake.endsWith("{repo}") ? { repo } : what);

      expect([Math.floor(made.status / 100), gone.status]).toEqual([2, 204]);
      expect(during).not.toEqual(before);
      expect(await github.snapshot("acme")).toEqual(before);
    }
  });

  it("holds files by blob and secrets by value, and neither times nor ids", async () => {
    const { github } = stage;
    await environment(boss, "PUT", "pictured");
    await put(boss, { environment_name: "pictured", secret_name: "ONE" }, "first");
    const seen = async () => at(await github.snapshot("acme"), "repositories", "web");

    const before = await seen();
    await put(boss, { environment_name: "pictured", secret_name: "ONE" }, "second");
    const changed = await seen();
    github.advanceClock(1_000);
    await put(boss, { environment_name: "pictured", secret_name: "ONE" }, "first");

    expect(at(before, "environments", "pictured", "secrets")).toEqual({ ONE: "first" });
    expect(at(before, "branches", "main", "README.md")).toMatch(/^[0-9a-f]{40}$/);
    expect(changed).not.toEqual(before);
    expect(await seen()).toEqual(before);
    expect(JSON.parse(JSON.stringify(before))).toEqual(before);
  });
});
