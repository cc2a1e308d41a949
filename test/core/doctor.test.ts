import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readFacts } from "#app/doctor.ts";
import { plain, render, runDoctor } from "#cli/doctor.ts";
import { isAllowed } from "#core/setup/checks/allowed-actions.ts";
import { riskOf } from "#core/setup/checks/ci.ts";
import { editPage, gh, logIn, quote } from "#core/setup/checks/fix.ts";
import { examine, type Finding } from "#core/setup/doctor.ts";
import type { AppFacts, DoctorRunner, DoctorServed, Facts, InstallationFacts } from "#core/setup/facts.ts";
import { fillWorkflow } from "#core/setup/files.ts";
import { err, ok } from "#core/wire/result.ts";
import type { AppView } from "#ports/app-view.ts";
import type { Operator } from "#ports/operator.ts";
import { repositoryFacts as repository } from "../kit/repository-facts.ts";

const TEMPLATE = readFileSync(new URL("../../.github/workflows/agent-pool.yml", import.meta.url), "utf8");
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const ACTION = { repository: "agent-pool/agent-pool", commit: COMMIT };
const WORKFLOW = fillWorkflow(TEMPLATE, { appUrl: "https://pool.example.com", action: ACTION, baseUrls: {} }) ?? "";
const POLICY =
  "version: 1\npool:\n  - { name: platform-api, provider: anthropic }\nrunner: acme/agent-runner\nbudget: $200/month\n";

const runner = (change: Partial<DoctorRunner> = {}): DoctorRunner => ({
  ...repository("acme/agent-runner"),
  workflow: { text: WORKFLOW, blob: "b" },
  environments: [{ name: "platform-api", deploys: ["branch:main"], waits: false, hasKey: true }],
  workflowState: { seen: "active" },
  actions: { seen: { enabled: true, allowed: "all", githubOwned: false, patterns: [] } },
  secrets: { seen: { repository: [], organization: [] } },
  readers: { seen: ["ada"] },
  ...change,
});
const web = (change: Partial<DoctorServed> = {}): DoctorServed => ({
  ...repository("acme/web"),
  hasLabel: true,
  settings: null,
  readers: { seen: ["ada"] },
  rules: { seen: [] },
  workflows: { seen: [] },
  ...change,
});
const served = (...repositories: readonly DoctorServed[]): Facts["served"] => ({ seen: { repositories, blind: [], left: 0 } });
const APP: AppFacts = {
  id: 7,
  slug: "agent-pool",
  owner: { login: "makers", kind: "Organization" },
  page: "https://github.com/apps/agent-pool",
  permissions: {},
  events: [],
  webhookUrl: "https://pool.example.com/api/github/webhooks",
  lastDelivery: 200,
};
const INSTALLATION: InstallationFacts = {
  id: 9,
  page: "https://github.com/organizations/acme/settings/installations/9",
  suspended: false,
  permissions: {},
  events: [],
  repositories: ["acme/agent-runner", "acme/.github", "acme/web"],
  selected: true,
};
const FACTS: Facts = {
  owner: "acme",
  release: { action: ACTION, permissions: {}, events: [] },
  pages: "https://github.com",
  publicUrl: "https://pool.example.com",
  server: { seen: { health: 200, ready: 200, says: "ok", release: COMMIT } },
  hasAppKey: true,
  app: { seen: APP },
  installation: { seen: INSTALLATION },
  account: { seen: { login: "acme", kind: "Organization", plan: "team", administered: true } },
  policy: { seen: { ...repository("acme/.github"), policy: { text: POLICY, blob: "p" }, proposed: null } },
  runnerName: "acme/agent-runner",
  runner: { seen: runner() },
  strangers: { seen: { teams: [], people: [] } },
  served: served(web()),
  probe: { seen: { conclusion: "success", page: "https://github.com/acme/agent-runner/actions/runs/5" } },
};

function found(check: string, change: Partial<Facts>): { ok: boolean | null; why: string; fix: string } {
  const finding = examine({ ...FACTS, ...change }).find(({ name }) => name === check);
  if (finding === undefined) throw new Error(`no check ${check}`);
  return { fix: "", ...finding };
}
const ofRunner = (check: string, change: Partial<DoctorRunner>) => found(check, { runner: { seen: runner(change) } });
const ofWeb = (check: string, change: Partial<DoctorServed>) => found(check, { served: served(web(change)) });

describe("the checks of doctor", () => {
  it("find what is well well, and the one thing unseen that GitHub doesn't tell", () => {
    expect(
      examine(FACTS)
        .filter(({ ok: isWell }) => isWell !== true)
        .map(({ name }) => name),
    ).toEqual(["dispatch-locked"]);
  });

  it.each([
    { what: "GitHub refused it", app: { unseen: "401", refused: true }, is: false },
    { what: "GitHub did not answer", app: { unseen: "503" }, is: null },
  ] as const)("app-known is $is where $what", ({ app, is }) => {
    expect(found("app-known", { app }).ok).toBe(is);
  });

  it("name the App's settings by its own owner", () => {
    const release = { ...FACTS.release, events: ["issues"] };
    const of = (owner: AppFacts["owner"]) => found("app-events", { release, app: { seen: { ...APP, owner } } }).fix;

    expect(of(APP.owner)).toBe("https://github.com/organizations/makers/settings/apps/agent-pool/permissions");
    expect(of({ login: "ada", kind: "User" })).toBe("https://github.com/settings/apps/agent-pool/permissions");
  });

  it.each([
    { protection: "reviewed", is: true, fix: "" },
    { protection: "none", is: false, fix: "npx agent-pool init acme" },
    { protection: "other", is: false, fix: /^https:\/\/github\.com\/acme\/[\w.-]+\/settings\/branches {3}# / },
    { protection: "unseen", is: null, fix: /^have an admin of acme\/[\w.-]+ run doctor$/ },
  ] as const)("a branch whose protection is $protection is $is", ({ protection, is, fix }) => {
    const policy = { seen: { ...repository("acme/.github"), protection, policy: { text: POLICY, blob: "p" }, proposed: null } };

    for (const finding of [ofRunner("runner-branch-protected", { protection }), found("policy-branch-protected", { policy })]) {
      expect(finding.ok).toBe(is);
      expect(finding.fix).toMatch(typeof fix === "string" ? new RegExp(`^${fix}$`) : fix);
    }
  });

  it("see nothing of a suspended installation's repositories, and nothing wrong with them", () => {
    const installation = { seen: { ...INSTALLATION, suspended: true, repositories: [] } };

    expect(found("installation-repositories", { installation }).ok).toBeNull();
    expect(found("installation-active", { installation }).ok).toBe(false);
  });

  it("have no team made in a person's own account", () => {
    const account = { seen: { login: "ada", kind: "User", plan: "pro", administered: true } } as const;

    expect(found("teams-known", { account, strangers: { seen: { teams: ["core"], people: [] } } }).ok).toBeNull();
    expect(found("teams-known", { account }).ok).toBe(true);
  });

  it.each([
    { says: "a second job", text: WORKFLOW + "  other: { runs-on: x, steps: [{ run: 'true' }] }\n", fails: "workflow-alone" },
    { says: "a container", text: WORKFLOW.replace("    steps:", "    container: x\n    steps:"), fails: "workflow-alone" },
    {
      says: "the key in a script",
      text: WORKFLOW.replace(
        "      - name: Prepare",
        "      - run: send ${{ secrets['agent_pool_key'] }}\n      - name: Prepare",
      ),
      fails: "workflow-alone",
    },
    {
      says: "all secrets in a variable",
      text: WORKFLOW.replace("    steps:", "    env: { ALL: '${{ toJSON(secrets) }}' }\n    steps:"),
      fails: "workflow-alone",
    },
    {
      says: "a proxy in the clear",
      text: WORKFLOW.replace("https://api.openai.com", "http://proxy.example.com"),
      fails: "workflow-upstreams",
    },
    {
      says: "a proxy that a variable names",
      text: WORKFLOW.replace("https://api.openai.com", "https://proxy.example.com/${{ vars.PATH }}"),
      fails: "workflow-upstreams",
    },
    {
      says: "our name on another's code",
      text: WORKFLOW.replace("          key: $", "          other: $").replace(
        "agent-pool/agent-pool/action@",
        "eve/pool/action@",
      ),
      fails: "workflow-there",
    },
    { says: "our inputs for another's code", text: WORKFLOW.replace("agent-pool/agent-pool/action@", "eve/pool/action@"), fails: "workflow-release" }, // prettier-ignore
    {
      says: "its own secret in a step of its own",
      text: WORKFLOW.replace("      - name: Prepare", "      - run: log in ${{ secrets.REGISTRY }}\n      - name: Prepare"),
      fails: undefined,
    },
  ])("of a workflow with $says, $fails fails", ({ text, fails }) => {
    expect(text).not.toBe(WORKFLOW);
    const failed = examine({ ...FACTS, runner: { seen: runner({ workflow: { text, blob: "b" } }) } });

    expect(failed.filter(({ ok: isWell }) => isWell === false).map(({ name }) => name)).toEqual(
      fails === undefined ? [] : [fails],
    );
  });

  it("name the workflow as the policy does", () => {
    const text = POLICY.replace("acme/agent-runner", "{ repository: acme/agent-runner, workflow: jobs.yml }");
    const policy = { seen: { ...repository("acme/.github"), policy: { text, blob: "p" }, proposed: null } };
    const change = { policy, runner: { seen: runner({ workflow: null, workflowState: { seen: "disabled_manually" } }) } };

    expect(found("workflow-there", change).why).toContain(".github/workflows/jobs.yml");
    expect(found("workflow-enabled", change).fix).toContain("/actions/workflows/jobs.yml/enable");
  });

  it("name the proxy that keys are sent to", () => {
    const text = WORKFLOW.replace("https://api.openai.com", "https://proxy.example.com/openai");

    expect(ofRunner("workflow-upstreams", { workflow: { text, blob: "b" } })).toMatchObject({
      ok: true,
      why: expect.stringContaining("keys of openai are sent to https://proxy.example.com/openai") as string,
    });
  });

  it.each([
    { type: "deletion", is: true },
    { type: "required_signatures", is: true },
    { type: "creation", is: false },
    { type: "update", is: false },
    { type: "branch_name_pattern", is: false },
    { type: "file_path_restriction", is: null },
    { type: "workflows", is: null },
  ])("a rule of the type $type is $is for our branches", ({ type, is }) => {
    expect(ofWeb("branches-open", { rules: { seen: [{ type, ruleset: 3 }] } }).ok).toBe(is);
  });

  it("keep one repository that can't be seen from hiding another, and from being well", () => {
    const blind = [{ name: "acme/far", unseen: "503" }];
    const of = (...repositories: DoctorServed[]) =>
      found("trigger-label", { served: { seen: { repositories, blind, left: 0 } } });

    expect(of(web({ hasLabel: false })).ok).toBe(false);
    expect(of(web())).toMatchObject({ ok: null, why: "acme/far: 503" });
    expect(found("trigger-label", { served: { seen: { repositories: [web()], blind: [], left: 20 } } })).toMatchObject({
      ok: null,
      why: expect.stringContaining("20 more") as string,
    });
    expect(found("trigger-label", { served: { seen: { repositories: [], blind: [], left: 0 } } }).fix).toContain("--repository");
  });

  it.each([
    { settings: null, public: undefined, is: false },
    { settings: null, public: true as const, is: true },
    { settings: "version: 1\nci: auto\n", public: true as const, is: false },
    { settings: "version: 1\nci: approved\n", public: undefined, is: true },
  ])("CI with secrets is $is in a repository with $settings, public: $public", ({ settings, public: isPublic, is }) => {
    const change = {
      settings: settings === null ? null : { text: settings, blob: "s" },
      ...(isPublic === undefined ? {} : { public: isPublic, private: false }),
    };
    const with_ = (text: string) => ofWeb("ci-without-secrets", { ...change, workflows: { seen: [{ path: "w.yml", text }] } }).ok;

    expect(with_("on: push\nenv: { A: '${{ secrets.A }}' }\n")).toBe(is);
    expect(with_("on: pull_request_target\n")).toBe(false);
  });
});

describe("the risk of a workflow", () => {
  const secret = "env: { A: '${{ secrets.A }}' }";
  const push = (filter: string) => `on: { push: { ${filter} } }\n${secret}\n`;

  it.each([
    [`on: push\n${secret}`, "pushed"],
    [`on: [pull_request]\n${secret}`, "pushed"],
    [`on: workflow_dispatch\n${secret}`, "none"],
    ["on: push\nenv: { A: '${{ secrets.GITHUB_TOKEN }}' }", "none"],
    ["on: push\nenv: { A: '${{ Secrets.a }}' }", "pushed"],
    ["on: push\nenv: { A: \"${{ secrets['A'] }}\" }", "pushed"],
    ["on: push\nenv: { A: '${{ toJSON(secrets) }}' }", "pushed"],
    ["on: push\njobs: { a: { uses: ./a.yml, secrets: inherit } }", "pushed"],
    ["on: push\nx: &x '${{ secrets.A }}'\nenv: { A: *x }", "pushed"],
    ["on: push # our secrets are safe\nenv: { A: secrets }", "none"],
    ["on: pull_request_target", "always"],
    ["on: push\n  : {{ ${{ secrets.A }}", "pushed"],
    ["on: pull_request_target\n  : {{", "always"],
    [push("branches: [main]"), "none"],
    [push("branches: ['**']"), "pushed"],
    [push("branches: ['*']"), "pushed"],
    [push("branches: ['agent*/**']"), "pushed"],
    [push("branches: ['agent-pool/issue-7*']"), "pushed"],
    [push("branches: ['[a-z]*/**']"), "pushed"],
    [push("branches: ['release/**', main]"), "none"],
    [push("branches: agent-pool/**"), "pushed"],
    [push("branches: ['**', '!agent-pool/**']"), "none"],
    [push("branches: ['!agent-pool/**', '**']"), "pushed"],
    [push("branches-ignore: ['agent-pool/**']"), "none"],
    [push("branches-ignore: ['release/**']"), "pushed"],
    [push("tags: ['v*']"), "none"],
    [push("tags: ['v*'], branches: ['**']"), "pushed"],
  ])("of %j is %s", (text, risk) => {
    expect(riskOf(text)).toBe(risk);
  });
});

describe("actions that settings allow", () => {
  const own = `agent-pool/agent-pool/action@${COMMIT}`;
  const upload = `actions/upload-artifact@${COMMIT}`;

  it.each([
    { patterns: ["agent-pool/*"], own: true, upload: false },
    { patterns: ["Agent-Pool/agent-pool/*"], own: true, upload: false },
    { patterns: ["*"], own: true, upload: true },
    { patterns: ["*/other@*"], own: false, upload: false },
    { patterns: ["agent-pool/agent-pool/*@v1"], own: false, upload: false },
    { patterns: [`agent-pool/agent-pool/action@${COMMIT}`], own: true, upload: false },
    { patterns: ["agent-pool/agent-pool@*"], own: false, upload: false },
    { patterns: ["*/*@*", "!agent-pool/*"], own: false, upload: true },
    { patterns: ["!agent-pool/agent-pool", "*"], own: false, upload: true },
    { patterns: ["actions/upload-artifact@*"], own: false, upload: true },
    { patterns: [], own: false, upload: false },
  ])("by $patterns are ours: $own, GitHub's: $upload", ({ patterns, ...is }) => {
    const settings = { enabled: true, allowed: "selected", githubOwned: false, patterns } as const;

    expect({ own: isAllowed(own, settings), upload: isAllowed(upload, settings) }).toEqual(is);
    expect(isAllowed(upload, { ...settings, patterns: [], githubOwned: true })).toBe(true);
  });

  it("are mended by a command that takes out what keeps them out", () => {
    const { fix } = ofRunner("actions-allowed", {
      actions: { seen: { enabled: true, allowed: "selected", githubOwned: true, patterns: ["x/*", "!agent-pool/*", "!eve/*"] } },
    });

    expect(fix).toContain(
      "-f 'patterns_allowed[]=x/*' -f 'patterns_allowed[]=!eve/*' -f 'patterns_allowed[]=agent-pool/agent-pool/*'",
    );
    expect(fix).not.toContain("!agent-pool");
  });
});

describe("a fix", () => {
  const HOSTILE = ["x'; touch pwned; '", "a\nb", "\u001b[2Jgone", "$(id)", "`id`", "a b", "~", "#", "*", "", "-f", "\u202Etxt"];

  it.each(HOSTILE)("has %j as one word of a shell", (word) => {
    const out = execFileSync("bash", ["-c", `printf '%s|' ${quote(word)} end`], { encoding: "utf8" });

    expect(out).toBe(`${word}|end|`);
  });

  it("is one line in a terminal, whatever GitHub or a server said", () => {
    const finding: Finding = {
      name: "app-ready",
      ok: false,
      why: `\u001b]0;x\u0007not ready\r\nok      all: well${"!".repeat(5_000)}`,
      fix: gh(FACTS, "api", "-f", "name=a'\n; rm -rf ~"),
    };
    const out = render([finding], false);

    // oxlint-disable-next-line no-control-regex -- That is what must not come through.
    expect(out.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(out.split("\n")[1]).toBe("          gh api -f 'name=a'\\'' ; rm -rf ~'");
    expect(out.length).toBeLessThan(1_500);
    expect(plain("a\u202Eb\u2028c")).toBe("a b c");
  });

  it("names the server where that isn't github.com, and the page by its encoded name", () => {
    const pages = "https://git.example.com";

    expect(gh(FACTS, "api", "x")).toBe("gh api x");
    expect(gh({ pages }, "api", "x")).toBe("GH_HOST=git.example.com gh api x");
    expect(logIn({ pages })).toBe("gh auth login -h git.example.com -s repo,workflow,read:org");
    expect(editPage(FACTS, "acme/web", "a b#/c?", "x.yml", 3)).toBe("https://github.com/acme/web/edit/a%20b%23/c%3F/x.yml#L3");
    const runs = {
      runner: { seen: runner({ private: false, secrets: { seen: { repository: ["AGENT_POOL_KEY"], organization: [] } } }) },
    };
    expect(found("runner-private", { ...runs, pages }).fix).toMatch(/^GH_HOST=git\.example\.com gh /);
    expect(found("keys-not-shadowed", { ...runs, pages }).fix).toMatch(/^GH_HOST=git\.example\.com gh /);
  });
});

describe("what doctor looks at", () => {
  const refused = (status: number) => err({ reason: "github-refused", route: "GET /x", status, message: "no" } as const);
  const down = err({
    reason: "github-unavailable",
    route: "GET /x",
    message: "down",
    retryAfterMs: null,
    tokenRefused: false,
  } as const);
  /** Everything else is refused. */
  const some = <T extends object>(known: Partial<T>): T =>
    new Proxy(known, { get: (target, name) => Reflect.get(target, name) ?? (() => Promise.resolve(refused(403))) }) as T;
  const asked = { owner: "acme", release: FACTS.release, pages: FACTS.pages, publicUrl: undefined, repositories: [] };
  const quiet = { askServer: () => Promise.resolve(err("nothing")), tell: () => undefined };
  const installed = (...repositories: string[]) =>
    some<AppView>({ readInstallation: () => Promise.resolve(ok({ ...INSTALLATION, repositories })) });

  it("is of those that the App is installed on what is served, a hundred at most, and each that can't be seen", async () => {
    const names = Array.from({ length: 130 }, (_, each) => `acme/r${String(each)}`);
    const told: string[] = [];
    const operator = some<Operator>({
      readRepository: (name) => Promise.resolve(name === "acme/r3" ? down : ok(repository(name))),
      hasLabel: (name) => Promise.resolve(ok(name === "acme/r1")),
      readFile: (name) => Promise.resolve(ok(name === "acme/r2" ? { text: "version: 1\n", blob: "s" } : undefined)),
    });

    const facts = await readFacts(
      { ...asked, probeId: undefined },
      { ...quiet, operator, app: installed(...names, "acme/.github"), tell: (what) => void told.push(what) },
    );

    const view = "seen" in facts.served ? facts.served.seen : undefined;
    expect(view?.repositories.map(({ name }) => name)).toEqual(["acme/r1", "acme/r2"]);
    expect(view?.blind.map(({ name }) => name)).toEqual(["acme/r3"]);
    expect(view?.left).toBe(30);
    expect(told).toContainEqual(expect.stringContaining("the first 100 of 130"));
  });

  it.each([
    { answer: refused(404), is: true },
    { answer: err({ ...down.error, tokenRefused: true }), is: true },
    { answer: refused(403), is: undefined },
    { answer: down, is: undefined },
  ])("is refused by GitHub: $is", async ({ answer, is }) => {
    const app = some<AppView>({ readApp: () => Promise.resolve(answer) });

    const facts = await readFacts({ ...asked, probeId: undefined }, { ...quiet, operator: undefined, app });

    expect(facts.app).toMatchObject({ unseen: expect.any(String) as string });
    expect("unseen" in facts.app ? facts.app.refused : "seen").toBe(is);
  });

  it("ends ill where nothing was seen, or the probe that was asked for wasn't", async () => {
    const app = some<AppView>({ readApp: () => Promise.resolve(ok({ ...APP, webhookUrl: "" })) });
    const run = (probeId: string | undefined, view: AppView | undefined) =>
      runDoctor({ ...asked, probeId, json: true }, { ...quiet, operator: undefined, app: view }, () => undefined);

    expect(await run(undefined, undefined)).toBe(false);
    expect(await run(undefined, app)).toBe(true);
    expect(await run("probe-1", app)).toBe(false);
  });
});
