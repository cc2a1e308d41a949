import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseConfig } from "#core/config/parse.ts";
import { Policy } from "#core/config/policy.ts";
import type { Answers } from "#core/setup/answers.ts";
import type { InitFacts, RunnerFacts } from "#core/setup/facts.ts";
import { fillWorkflow, renderPolicy } from "#core/setup/files.ts";
import type { Journal } from "#core/setup/journal.ts";
import { missingScopes } from "#core/setup/scopes.ts";
import { describeStep, planSteps, type Step } from "#core/setup/steps.ts";
import { parse } from "yaml";
import { repositoryFacts as repository } from "../kit/repository-facts.ts";

const TEMPLATE = readFileSync(new URL("../../.github/workflows/agent-pool.yml", import.meta.url), "utf8");
const COMMIT = "0123456789abcdef0123456789abcdef01234567";

const ANSWERS: Answers = {
  owner: "acme",
  runner: "acme/agent-runner",
  workflow: "agent-pool.yml",
  appUrl: "https://pool.example.com",
  action: { repository: "agent-pool/agent-pool", commit: COMMIT },
  baseUrls: {},
  pool: [{ name: "platform-api", provider: "anthropic", kind: "api-key" }],
  budget: "$200/month",
  repositories: ["acme/web"],
  freshWorkflow: false,
  merge: true,
};
const FILLED = fillWorkflow(TEMPLATE, ANSWERS) ?? "";

const RUNNER: RunnerFacts = {
  ...repository("acme/agent-runner"),
  workflow: { text: FILLED, blob: "b" },
  environments: [{ name: "platform-api", deploys: ["branch:main"], waits: false, hasKey: true }],
};
const COMPLETE: InitFacts = {
  operator: { login: "ada", scopes: null },
  owner: { login: "acme", kind: "Organization", plan: "team", administered: true },
  runner: RUNNER,
  policy: { ...repository("acme/.github"), policy: { text: "version: 1\n", blob: "b" }, proposed: null },
  served: [{ ...repository("acme/web"), hasLabel: true, hasForm: true, proposed: null }],
  webhookUrl: null,
};

const NOTHING_DONE: Journal = { version: 1, api: "https://api.github.com", owner: "acme", done: [] };

function plan(facts: Partial<InitFacts>, answers: Partial<Answers> = {}, journal = NOTHING_DONE): readonly Step[] {
  const pool = answers.pool ?? ANSWERS.pool;
  const keys = new Set(pool.map(({ name }) => name));
  return planSteps({ answers: { ...ANSWERS, ...answers }, template: TEMPLATE, keys, journal }, { ...COMPLETE, ...facts });
}
const kinds = (steps: readonly Step[]) => steps.map((step) => `${step.do} ${step.repository}`);

describe("what init plans", () => {
  it("is nothing where all is there", () => {
    expect(plan({})).toEqual([]);
  });

  it("is all of it for an owner with nothing, each lock before what it guards", () => {
    const steps = plan({
      runner: null,
      policy: null,
      served: [{ ...repository("acme/web"), hasLabel: false, hasForm: false, proposed: null }],
    });

    expect(kinds(steps)).toEqual([
      "create-repository acme/agent-runner",
      "write-file acme/agent-runner",
      "protect-branch acme/agent-runner",
      "lock-environment acme/agent-runner",
      "set-key acme/agent-runner",
      "create-repository acme/.github",
      "write-file acme/.github",
      "propose-files acme/.github",
      "merge acme/.github",
      "protect-branch acme/.github",
      "create-label acme/web",
      "propose-files acme/web",
    ]);
    expect(steps.map(describeStep).every((text) => text.includes("acme/") || text.includes("platform-api"))).toBe(true);
  });

  const environments = (change: Partial<RunnerFacts["environments"][number]>) => ({
    runner: { ...RUNNER, environments: RUNNER.environments.map((each) => ({ ...each, ...change })) },
  });
  it.each<{ name: string; facts: Partial<InitFacts>; does: readonly string[] }>([
    { name: "an open branch", facts: { runner: { ...RUNNER, protection: "none" } }, does: ["protect-branch acme/agent-runner"] },
    { name: "no workflow", facts: { runner: { ...RUNNER, workflow: null } }, does: ["write-file acme/agent-runner"] },
    {
      name: "a workflow of another release",
      facts: { runner: { ...RUNNER, workflow: { text: FILLED.replace(COMMIT, "f".repeat(40)), blob: "b" } } },
      does: ["write-file acme/agent-runner"],
    },
    {
      name: "a workflow of somebody's own",
      facts: { runner: { ...RUNNER, workflow: { text: "on: push\n", blob: "b" } } },
      does: [],
    },
    { name: "an environment open to all", facts: environments({ deploys: "any" }), does: ["lock-environment acme/agent-runner"] },
    {
      name: "one open to protected branches",
      facts: environments({ deploys: "protected" }),
      does: ["lock-environment acme/agent-runner"],
    },
    {
      name: "one open to a second branch",
      facts: environments({ deploys: ["branch:main", "branch:*"] }),
      does: ["lock-environment acme/agent-runner"],
    },
    { name: "a tag called main", facts: environments({ deploys: ["tag:main"] }), does: ["lock-environment acme/agent-runner"] },
    { name: "no key", facts: environments({ hasKey: false }), does: ["set-key acme/agent-runner"] },
    {
      name: "a policy without its lock",
      facts: { policy: { ...repository("acme/.github"), protection: "none", policy: { text: "", blob: "b" }, proposed: null } },
      does: ["protect-branch acme/.github"],
    },
    {
      name: "a policy that is proposed",
      facts: { policy: { ...repository("acme/.github"), policy: null, proposed: 7 } },
      does: ["merge acme/.github"],
    },
    {
      name: "no label",
      facts: { served: [{ ...repository("acme/web"), hasLabel: false, hasForm: true, proposed: null }] },
      does: ["create-label acme/web"],
    },
    {
      name: "a form that is proposed",
      facts: { served: [{ ...repository("acme/web"), hasLabel: true, hasForm: false, proposed: 3 }] },
      does: [],
    },
  ])("mends $name and nothing else", ({ facts, does }) => {
    expect(kinds(plan(facts))).toEqual(does);
  });

  it("merges of a proposal the text that was proposed, or the one that it would propose now", () => {
    const policy = { ...repository("acme/.github"), policy: null, proposed: 7 };
    const done = [
      {
        did: "propose-files",
        repository: "acme/.github",
        branch: "agent-pool/init",
        pull: 7,
        files: { ".github/agent-pool.yml": "as it was" },
      },
    ] as const;

    expect(plan({ policy }, {}, { ...NOTHING_DONE, done: [...done] })).toMatchObject([
      { do: "merge", pull: 7, text: "as it was" },
    ]);
    expect(plan({ policy })).toMatchObject([{ do: "merge", pull: 7, text: renderPolicy(ANSWERS) }]);
  });

  it("pins the Action, and not another that is called so", () => {
    const own = FILLED.replace("      - name: Work on", "      - uses: acme/setup/action@v3\n      - name: Work on").replace(
      COMMIT,
      "f".repeat(40),
    );

    expect(fillWorkflow(own, ANSWERS)).toBe(own.replace("f".repeat(40), COMMIT));
  });

  it("has GitHub send events where the app is, where the App's key is at hand", () => {
    expect(plan({ webhookUrl: "https://pool.example.com/api/github/webhooks" })).toEqual([]);
    expect(plan({ webhookUrl: "https://old.example.com/api/github/webhooks" })).toEqual([
      {
        do: "point-webhooks",
        repository: null,
        url: "https://pool.example.com/api/github/webhooks",
        before: "https://old.example.com/api/github/webhooks",
      },
    ]);
  });

  it("writes the workflow anew where it is told to, and only then", () => {
    const runner = { ...RUNNER, workflow: { text: `${FILLED}# mine\n`, blob: "b" } };

    expect(plan({ runner })).toEqual([]);
    expect(plan({ runner }, { freshWorkflow: true })).toMatchObject([{ do: "write-file", text: FILLED }]);
  });

  it("puts no key where a job shows its own identity", () => {
    const runner = { ...RUNNER, environments: [] };

    expect(
      kinds(plan({ runner }, { pool: [{ name: "platform-api", provider: "anthropic", kind: "workload-identity" }] })),
    ).toEqual(["lock-environment acme/agent-runner"]);
  });

  it("leaves the proposal to others where it is to be reviewed", () => {
    const steps = plan({ policy: { ...repository("acme/.github"), policy: null, proposed: null } }, { merge: false });

    expect(kinds(steps)).toEqual(["propose-files acme/.github"]);
  });

  it("keeps what an operator has added to the workflow", () => {
    const own = FILLED.replace(
      "      - name: Work on the attempt",
      "      - run: echo mine\n      - name: Work on the attempt",
    ).replace(COMMIT, "f".repeat(40));

    const [step] = plan({ runner: { ...RUNNER, workflow: { text: own, blob: "b" } } });

    expect(step?.do === "write-file" && step.text).toBe(own.replace("f".repeat(40), COMMIT));
  });
});

describe("the files of init", () => {
  it("fills a workflow with the pin, the address and the proxies, and with nothing else", () => {
    const filled = fillWorkflow(TEMPLATE, { ...ANSWERS, baseUrls: { anthropic: "https://proxy.example.com/$&" } }) ?? "";

    const changed = filled.split("\n").filter((line, at) => line !== TEMPLATE.split("\n")[at]);
    expect(changed.map((line) => line.trim())).toEqual([
      `uses: agent-pool/agent-pool/action@${COMMIT}`,
      "app-url: https://pool.example.com",
      "anthropic-base-url: https://proxy.example.com/$&",
    ]);
    expect(fillWorkflow(filled, ANSWERS)).toContain("https://proxy.example.com/$&");
    expect(fillWorkflow("on: push\n", ANSWERS)).toBeUndefined();
  });

  it("writes a policy that its schema takes, with the answers in it", () => {
    const text = renderPolicy({
      ...ANSWERS,
      pool: [...ANSWERS.pool, { name: "ada-max", provider: "anthropic", kind: "seat", owner: "ada" }],
    });

    const read = parseConfig("policy", text, Policy);
    expect(read.ok && read.value.pool.map(({ name, kind, owner }) => [name, kind, owner])).toEqual([
      ["platform-api", "api-key", undefined],
      ["ada-max", "seat", "ada"],
    ]);
    expect(parse(text)).toMatchObject({ runner: "acme/agent-runner", budget: "$200/month" });
    expect(text.startsWith("# yaml-language-server: $schema=https://")).toBe(true);
  });
});

describe("a token's scopes", () => {
  const writes: Step = { do: "write-file", repository: "acme/r", path: "p", text: "", before: null };

  it.each([
    { scopes: null, kind: "Organization", work: [writes], missing: [] },
    { scopes: ["repo", "workflow", "read:org"], kind: "Organization", work: [writes], missing: [] },
    { scopes: ["repo", "workflow", "admin:org"], kind: "Organization", work: [writes], missing: [] },
    { scopes: ["repo", "read:org"], kind: "Organization", work: [writes], missing: ["workflow"] },
    { scopes: ["gist"], kind: "User", work: [], missing: ["repo"] },
    {
      scopes: ["repo"],
      kind: "User",
      work: [{ did: "create-repository", repository: "acme/r", id: 1 }],
      missing: ["delete_repo"],
    },
  ] as const)("$scopes for $kind lack $missing", ({ scopes, kind, work, missing }) => {
    expect(missingScopes({ login: "ada", scopes }, kind, work)).toEqual(missing);
  });
});
