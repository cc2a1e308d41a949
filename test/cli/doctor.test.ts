import { execFile, execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectAppView } from "#adapters/github/app-view.ts";
import { connectOperator } from "#adapters/github/operator.ts";
import { readFacts } from "#app/doctor.ts";
import { CHECKS, examine, type Finding } from "#core/setup/doctor.ts";
import { prepareApp, type AppProcess } from "#playground/app-process.ts";
import type { InstallationChange } from "#playground/github/emulated-github.ts";
import { ROOT } from "#playground/world.ts";
import { parse } from "yaml";
import { askServer } from "../../src/operator-tools.ts";
import { makeTools } from "../kit/gh.ts";
import { KEY, makeOrganisation, runCommand } from "../kit/operator.ts";

const RUNNER = "acme/agent-runner";
const POLICY = "acme/.github";
const WORKFLOW = ".github/workflows/agent-pool.yml";
const FILE = ".github/agent-pool.yml";
const COMMIT = execFileSync("git", ["rev-parse", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim();
const MANIFEST = parse(readFileSync(join(ROOT, "app.yml"), "utf8")) as {
  default_permissions: Record<string, string>;
  default_events: string[];
};

const stack = new AsyncDisposableStack();
let place: Awaited<ReturnType<typeof makeOrganisation>>;
let app: AppProcess;
let bin: string;
let env: Record<string, string>;

beforeAll(async () => {
  place = stack.use(await makeOrganisation());
  const { github, folder } = place;
  bin = await makeTools(folder);
  app = stack.use(
    await prepareApp(folder, {
      APP_ID: String(github.app.id),
      PRIVATE_KEY: github.app.privateKeyPem,
      WEBHOOK_SECRET: "secret",
      GITHUB_API_URL: github.url,
      AGENT_POOL_DATA: join(folder, "store"),
      LOG_LEVEL: "silent",
    }),
  );
  github.setWebhook({ url: `${app.url}/api/github/webhooks`, secret: "secret" });
  await app.start();
  env = {
    GH_TOKEN: github.personToken("ada", ["repo", "workflow", "admin:org"]),
    GITHUB_API_URL: github.url,
    PUBLIC_URL: app.url,
    APP_ID: String(github.app.id),
    PRIVATE_KEY: github.app.privateKeyPem,
  };
  await github.installApp("acme");
  await github.delivered();
  await paste("npx agent-pool init acme --yes --repository acme/web", KEY);
}, 120_000);
afterAll(() => stack.disposeAsync());

/** A fix, as a person pastes it into a shell. */
async function paste(fix: string, input = ""): Promise<void> {
  const running = promisify(execFile)("bash", ["-c", fix], {
    cwd: place.folder,
    env: { ...env, PATH: `${bin}:${process.env["PATH"] ?? ""}` },
  });
  running.child.stdin?.end(input);
  await running;
}

async function doctor(): Promise<readonly Finding[]> {
  const { github } = place;
  const facts = await readFacts(
    {
      owner: "acme",
      repositories: [],
      probeId: undefined,
      publicUrl: env["PUBLIC_URL"],
      pages: "https://github.example",
      release: {
        action: { repository: "agent-pool/agent-pool", commit: COMMIT },
        permissions: MANIFEST.default_permissions,
        events: MANIFEST.default_events,
      },
    },
    {
      operator: connectOperator(github.url, env["GH_TOKEN"] ?? ""),
      app: connectAppView({ appId: github.app.id, privateKey: env["PRIVATE_KEY"] ?? "", apiUrl: github.url }),
      askServer,
      tell: () => undefined,
    },
  );
  return examine(facts);
}
const failing = (findings: readonly Finding[]) => findings.filter(({ ok }) => ok === false);
const unseen = (findings: readonly Finding[]) => findings.filter(({ ok }) => ok === null).map(({ name }) => name);

/** What a person does on the page that a fix names; undefined where the fix is a command. */
let backOnPage: (() => Promise<void> | void) | undefined;
const mendedOnPage = () => backOnPage;
const api = (call: string) => paste(`gh api ${call}`);
const { default_permissions: PERMISSIONS, default_events: EVENTS } = MANIFEST;

type Break = {
  readonly check: string;
  readonly breaks: () => unknown;
  /** What the fix asks for. */
  readonly input?: string;
  /** What can't be seen as long as it is broken. */
  readonly hides?: readonly string[];
  /** What fails with it. */
  readonly along?: readonly string[];
};
const SERVED = ["settings-valid", "trigger-label", "branches-open", "ci-without-secrets"];
const ENVIRONMENTS = ["environments-there", "environments-locked", "environments-do-not-wait", "environments-have-keys"];
const WORKFLOWS = ["workflow-triggers", "workflow-key", "workflow-alone", "workflow-upstreams", "workflow-permissions", "workflow-pinned", "workflow-release", "workflow-app-url", "workflow-runs-on"]; // prettier-ignore
const OF_POLICY = [...ENVIRONMENTS, "workflow-runs-on", "tiers-served", "tiers-in-order", "teams-known", "people-known"];
const OF_RUNNER = [...ENVIRONMENTS, ...WORKFLOWS, "runner-private", "runner-unarchived", "runner-branch-protected", "keys-not-shadowed", "runner-readers", "actions-enabled", "actions-allowed", "workflow-there", "workflow-enabled"]; // prettier-ignore

const BREAKS: readonly Break[] = [
  {
    check: "app-known",
    breaks() {
      const { PRIVATE_KEY } = env;
      env["PRIVATE_KEY"] = generateKeyPairSync("rsa", { modulusLength: 2048 })
        .privateKey.export({ type: "pkcs1", format: "pem" })
        .toString();
      backOnPage = () => void (env["PRIVATE_KEY"] = PRIVATE_KEY ?? "");
    },
    hides: ["app-permissions", "app-permissions-least", "app-events", "webhook-url", "webhook-answered", "app-installed", "installation-active", "installation-permissions", "installation-repositories", "runner-readers", ...SERVED], // prettier-ignore
  },
  { check: "app-permissions", breaks: () => register({ permissions: { ...PERMISSIONS, contents: "read" } }) },
  { check: "app-permissions-least", breaks: () => register({ permissions: { ...PERMISSIONS, administration: "write" } }) },
  { check: "app-events", breaks: () => register({ events: EVENTS.filter((event) => event !== "issues") }) },
  {
    check: "webhook-url",
    breaks: () => github().setWebhook({ url: "https://old.example.com/api/github/webhooks", secret: "secret" }),
  },
  {
    check: "webhook-answered",
    async breaks() {
      github().setWebhook({ url: "http://127.0.0.1:9/nobody", secret: "secret" });
      await api("-X POST repos/acme/web/issues -f title=one");
      await github().delivered();
      const lost = github().deliveries().at(-1)?.id ?? 0;
      github().setWebhook({ url: `${app.url}/api/github/webhooks`, secret: "secret" });
      backOnPage = () => github().redeliver(lost);
    },
  },
  {
    check: "app-reachable",
    async breaks() {
      await app.stop();
      backOnPage = () => app.start();
    },
    hides: ["app-ready", "app-release"],
  },
  {
    check: "app-ready",
    breaks: () => another({ release: COMMIT, ready: 503 }),
  },
  {
    check: "app-release",
    breaks: () => another({ release: "f".repeat(40), ready: 200 }),
  },
  {
    check: "app-installed",
    breaks() {
      github().uninstallApp("acme");
      backOnPage = async () => void (await github().installApp("acme"));
    },
    hides: ["installation-active", "installation-permissions", "installation-repositories", "runner-readers", ...SERVED],
  },
  {
    check: "installation-active",
    breaks: () => installation({ suspended: true }, { suspended: false }),
    hides: ["installation-repositories", "runner-readers", ...SERVED],
  },
  {
    check: "installation-permissions",
    breaks: () => installation({ permissions: { ...PERMISSIONS, actions: "read" } }, { permissions: PERMISSIONS }),
  },
  {
    check: "installation-repositories",
    breaks: () => installation({ repositories: ["acme/web", POLICY] }, { repositories: ["acme/web", POLICY, RUNNER] }),
  },
  {
    check: "plan",
    breaks() {
      github().setPlan("acme", "free");
      backOnPage = () => github().setPlan("acme", "team");
    },
    along: ["runner-branch-protected", "environments-locked", "policy-branch-protected", "environments-have-keys"],
    hides: ["branches-open"],
  },
  { check: "runner-private", breaks: () => api(`-X PATCH repos/${RUNNER} -F private=false`) },
  { check: "runner-unarchived", breaks: () => api(`-X PATCH repos/${RUNNER} -F archived=true`) },
  { check: "runner-branch-protected", breaks: () => api(`-X DELETE repos/${RUNNER}/branches/main/protection`) },
  { check: "environments-there", breaks: () => api(`-X DELETE repos/${RUNNER}/environments/platform-api`), input: KEY },
  {
    check: "environments-locked",
    breaks: () => api(`-X POST repos/${RUNNER}/environments/platform-api/deployment-branch-policies -f name='*'`),
  },
  {
    check: "environments-do-not-wait",
    breaks() {
      const environment = { branches: ["main"], secrets: { AGENT_POOL_KEY: KEY }, variables: {} };
      github().createEnvironment(RUNNER, "platform-api", { ...environment, reviewers: 1 });
      backOnPage = () => github().createEnvironment(RUNNER, "platform-api", environment);
    },
  },
  {
    check: "environments-have-keys",
    breaks: () => api(`-X DELETE repos/${RUNNER}/environments/platform-api/secrets/AGENT_POOL_KEY`),
    input: KEY,
  },
  {
    check: "keys-not-shadowed",
    breaks: () => github().setSecret(RUNNER, "AGENT_POOL_KEY", "other"),
  },
  {
    check: "keys-not-shadowed",
    breaks() {
      github().setOrganizationSecret("acme", "AGENT_POOL_KEY", "third");
      backOnPage = () => api("-X DELETE orgs/acme/actions/secrets/AGENT_POOL_KEY");
    },
  },
  {
    check: "runner-readers",
    async breaks() {
      await github().createPerson("bob");
      github().setRole(RUNNER, "bob", "read");
    },
  },
  {
    check: "actions-enabled",
    breaks: () => api(`-X PUT repos/${RUNNER}/actions/permissions -F enabled=false`),
    hides: ["actions-allowed"],
  },
  {
    check: "actions-allowed",
    breaks: () => api(`-X PUT repos/${RUNNER}/actions/permissions -F enabled=true -f allowed_actions=local_only`),
  },
  { check: "workflow-there", breaks: () => push(RUNNER, { [WORKFLOW]: "on: push\n" }), hides: WORKFLOWS },
  { check: "workflow-enabled", breaks: () => api(`-X PUT repos/${RUNNER}/actions/workflows/agent-pool.yml/disable`) },
  { check: "workflow-triggers", breaks: () => change(RUNNER, WORKFLOW, "  workflow_dispatch:", "  push:\n  workflow_dispatch:") },
  { check: "workflow-key", breaks: () => change(RUNNER, WORKFLOW, "secrets.AGENT_POOL_KEY", "secrets.OTHER_KEY") },
  {
    check: "workflow-alone",
    breaks: () => change(RUNNER, WORKFLOW, /\s*$/, "\n  other: { runs-on: ubuntu-24.04, steps: [{ run: 'true' }] }\n"),
  },
  {
    check: "workflow-upstreams",
    breaks: () => change(RUNNER, WORKFLOW, /(anthropic-base-url: )\S+/, "$1http://proxy.example.com"),
  },
  { check: "workflow-permissions", breaks: () => change(RUNNER, WORKFLOW, "id-token: write", "id-token: write\n      contents: write") }, // prettier-ignore
  { check: "workflow-pinned", breaks: () => change(RUNNER, WORKFLOW, /upload-artifact@\w+/, "upload-artifact@v6") },
  { check: "workflow-release", breaks: () => change(RUNNER, WORKFLOW, COMMIT, "f".repeat(40)) },
  { check: "workflow-app-url", breaks: () => change(RUNNER, WORKFLOW, /app-url: http\S+/, "app-url: https://old.example.com") },
  {
    check: "workflow-runs-on",
    breaks: () => policy((text) => text.replace(/runner: .*/, `runner: { repository: ${RUNNER}, runs-on: own, minute: $0.01 }`)),
  },
  { check: "policy-there", breaks: () => push(POLICY, { [FILE]: null }), hides: [...OF_POLICY, "policy-valid"] },
  { check: "policy-valid", breaks: () => policy((text) => text.replace("budget:", "bugdet:")), hides: OF_POLICY },
  { check: "policy-branch-protected", breaks: () => api(`-X DELETE repos/${POLICY}/branches/main/protection`) },
  {
    check: "tiers-served",
    breaks: () => policy((text) => `${text}tiers: { frontier: [{ harness: codex, model: gpt-6.1-sol }] }\n`),
  },
  {
    check: "tiers-in-order",
    breaks: () => policy((text) => `${text}tiers: { light: [{ harness: claude-code, model: claude-opus-5-5 }] }\n`),
  },
  { check: "teams-known", breaks: () => policy((text) => `${text}teams: { platform: { weight: 2 } }\n`, "kept") },
  { check: "people-known", breaks: () => policy((text) => `${text}roles: { operator: { people: [nobody-of-that-name] } }\n`) },
  { check: "settings-valid", breaks: () => withFile("acme/web", FILE, "version: 1\nverfiy: [npm test]\n") },
  {
    check: "trigger-label",
    async breaks() {
      await push("acme/web", { [FILE]: "version: 1\n" });
      await api("-X DELETE repos/acme/web/labels/agent");
    },
  },
  {
    check: "branches-open",
    breaks() {
      github().setBranchRules("acme/web", "agent-pool/**", [{ type: "creation" }]);
      backOnPage = () => github().setBranchRules("acme/web", "agent-pool/**", []);
    },
  },
  {
    check: "ci-without-secrets",
    breaks: () =>
      withFile(
        "acme/web",
        ".github/workflows/deploy.yml",
        "on: push\njobs: { it: { runs-on: ubuntu-24.04, steps: [{ run: 'echo ${{ secrets.DEPLOY_KEY }}' }] } }\n",
      ),
  },
  {
    check: "runner-there",
    async breaks() {
      github().setInstallation("acme", { repositories: "all" });
      const token = github().personToken("ada", ["repo", "delete_repo"]);
      await paste(`GH_TOKEN=${token} gh api -X DELETE repos/${RUNNER}`);
    },
    input: KEY,
    hides: [...OF_RUNNER, "installation-repositories"],
  },
];

function github(): typeof place.github {
  return place.github;
}
/** In the app's place, something that answers in this way. */
async function another({ release, ready }: { release: string; ready: number }): Promise<void> {
  await app.stop();
  const other = createServer((request, response) => {
    const isHealth = request.url === "/healthz";
    response.writeHead(isHealth ? 200 : ready).end(isHealth ? JSON.stringify({ ok: true, release }) : "store: false");
  });
  await once(other.listen(Number(new URL(app.url).port), "127.0.0.1"), "listening");
  backOnPage = async () => {
    other.close();
    other.closeAllConnections();
    await once(other, "close");
    await app.start();
  };
}
function register(registered: { permissions?: Record<string, string>; events?: string[] }): void {
  github().setInstallation("acme", { permissions: PERMISSIONS, events: EVENTS });
  github().setRegistration(registered);
  backOnPage = () => github().setRegistration({ permissions: PERMISSIONS, events: EVENTS });
}
function installation(broken: InstallationChange, mended: InstallationChange): void {
  github().setInstallation("acme", broken);
  backOnPage = () => github().setInstallation("acme", mended);
}
async function push(repository: string, files: Record<string, string | null>): Promise<void> {
  await github().push(repository, "main", files, "by hand");
}
async function textOf(repository: string, path: string): Promise<string | null> {
  const file = await connectOperator(github().url, env["GH_TOKEN"] ?? "").readFile(repository, path);
  return file.ok ? (file.value?.text ?? null) : null;
}
async function change(repository: string, path: string, from: string | RegExp, to: string): Promise<void> {
  const text = (await textOf(repository, path)) ?? "";
  expect(text.replace(from, to)).not.toBe(text);
  await push(repository, { [path]: text.replace(from, to) });
}
/** A file that a person puts right on the page that the fix names. */
async function withFile(repository: string, path: string, text: string): Promise<void> {
  const before = await textOf(repository, path);
  await push(repository, { [path]: text });
  backOnPage = () => push(repository, { [path]: before });
}
/** `kept`: the fix is a command, and what was written stays. */
async function policy(broken: (text: string) => string, after: "back" | "kept" = "back"): Promise<void> {
  const before = (await textOf(POLICY, FILE)) ?? "";
  await push(POLICY, { [FILE]: broken(before) });
  if (after === "back") backOnPage = () => push(POLICY, { [FILE]: before });
}

describe("agent-pool doctor", () => {
  const BASELINE = ["dispatch-locked", "probe"];

  it("finds nothing wrong with what init has set up, and says what nobody can see", async () => {
    const findings = await doctor();

    expect(failing(findings)).toEqual([]);
    expect(unseen(findings).toSorted()).toEqual(BASELINE);
    expect(findings.length).toBeGreaterThanOrEqual(25);
    expect(new Set(findings.map(({ name }) => name)).size).toBe(findings.length);
  });

  it.each(BREAKS)(
    "finds $check broken, and nothing else, and its fix mends it",
    async ({ check, breaks, input, hides = [], along = [] }) => {
      backOnPage = undefined;
      await breaks();
      const found = await doctor();
      const finding = found.find(({ name }) => name === check);
      const fix = finding === undefined || finding.ok === true ? "" : finding.fix;
      const onPage = mendedOnPage();
      // Where nobody can be asked, as here, init asks for the word.
      const pasted = fix.startsWith("npx agent-pool init") ? `${fix} --yes` : fix;
      await (onPage === undefined ? paste(pasted, input) : onPage());
      const after = await doctor();

      expect(failing(found).map(({ name }) => name).toSorted()).toEqual([check, ...along].toSorted()); // prettier-ignore
      expect(unseen(found).toSorted()).toEqual([...BASELINE, ...hides].toSorted());
      if (onPage !== undefined) expect(fix).toMatch(/^https:\/\/github\.example\/\S|^npx agent-pool start/);
      expect(failing(after)).toEqual([]);
      expect(unseen(after).toSorted()).toEqual(BASELINE);
    },
  );

  it("has a break for every check that can fail", () => {
    const never = ["owner-seen", "dispatch-locked", "probe"];
    expect([...new Set(BREAKS.map(({ check }) => check))].toSorted()).toEqual(CHECKS.map(({ name }) => name).filter((name) => !never.includes(name)).toSorted()); // prettier-ignore
  });

  it("says of a person who is no owner that it can't see what only owners do", async () => {
    await github().createPerson("carol");
    github().setOrganizationRole("acme", "carol", "member");
    const { GH_TOKEN } = env;
    env["GH_TOKEN"] = github().personToken("carol");

    const found = await doctor();

    env["GH_TOKEN"] = GH_TOKEN ?? "";
    expect(unseen(found)).toEqual(expect.arrayContaining(["owner-seen", "plan"]));
    expect(found.filter(({ ok }) => ok === true).map(({ name }) => name)).not.toContain("environments-have-keys");
  });

  it("prints each with its fix, as JSON too, and ends with 1 where one has failed", async () => {
    await api("-X DELETE repos/acme/web/labels/agent");
    const run = (args: string) => runCommand(place.folder, args.split(" "), { env });

    const told = await run("doctor acme --repository acme/web");
    expect(told.code).toBe(1);
    expect(told.out).toContain(
      "FAILED  trigger-label: no label agent in acme/web\n          GH_HOST=127.0.0.1 gh api -X POST repos/acme/web/labels",
    );
    expect(told.out).toMatch(/\d+ well, 1 failed, 2 unseen\.\n$/);
    const { checks } = JSON.parse((await run("doctor acme --repository acme/web --json")).out) as {
      checks: { name: string; ok: boolean | null }[];
    };
    expect(checks.filter(({ ok }) => ok !== true).map(({ name, ok }) => [name, ok])).toEqual([
      ["probe", null],
      ["dispatch-locked", null],
      ["trigger-label", false],
    ]);
    await paste("gh api -X POST repos/acme/web/labels -f name=agent -f color=1f6feb");
    expect((await run("doctor acme")).code).toBe(0);
    expect((await run("doctor")).code).toBe(2);
    expect((await run("doctor acme --repository other/web")).code).toBe(2);
  });

  it("sees nothing without a token and a key, says none of it is well, and doesn't end well", async () => {
    const { out, code } = await runCommand(place.folder, ["doctor", "acme", "--json"], { env: { GITHUB_API_URL: github().url } });

    const { checks } = JSON.parse(out) as { checks: { ok: boolean | null }[] };
    expect(checks.filter(({ ok }) => ok !== null)).toEqual([]);
    expect(code).toBe(1);
  });
});
