import { describe, expect, it } from "vitest";
import { NOTHING_KNOWN } from "#app/known.ts";
import { configure, makePlan } from "#app/plan.ts";
import { parseConfig } from "#core/config/parse.ts";
import { Policy } from "#core/config/policy.ts";
import { DEFAULT_SETTINGS, type Settings } from "#core/config/settings.ts";
import { NO_SURROUNDINGS, signalsOf, type Surroundings } from "#core/plan/signals/signals.ts";
import type { MayStart } from "#core/request/standing.ts";
import type { Size } from "#core/wire/contract.ts";
import type { SetUp } from "#ports/github.ts";
import type { Brief } from "#core/request/brief.ts";
import { makeBrief } from "../kit/briefs.ts";

const SIX_LINES =
  "version: 1\npool:\n  - name: platform-api\n    provider: anthropic\nrunner: acme/agent-runner\nbudget: $200/month\n";
const BASE = { branch: "main", commit: "a".repeat(40), tree: "b".repeat(40) };
const POLICY_COMMIT = "c".repeat(40);

function setUp(overrides: Partial<SetUp> = {}): SetUp {
  return { base: BASE, settings: "missing", policy: { commit: POLICY_COMMIT, file: { text: SIX_LINES } }, ...overrides };
}

function policyText(text: string): SetUp["policy"] {
  return { commit: POLICY_COMMIT, file: { text } };
}

function inRepository(name: string, brief = makeBrief()): Brief {
  return { ...brief, repository: { ...brief.repository, name } };
}

const ANYTHING: Pick<MayStart, "tiers" | "team" | "operator"> = { tiers: null, team: "everyone", operator: false };

function planOf(
  brief: Brief,
  policy = SIX_LINES,
  settings: Partial<Settings> = {},
  trustedAuthor = true,
  standing = ANYTHING,
  around = NO_SURROUNDINGS,
) {
  const parsed = parseConfig("policy", policy, Policy);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error.problems));
  const configured = {
    read: { policy: parsed.value, text: policy, commit: POLICY_COMMIT },
    settings: { ...DEFAULT_SETTINGS, ...settings },
    base: BASE,
  };
  return makePlan(brief, configured, trustedAuthor, standing, NOTHING_KNOWN, {
    signals: signalsOf(brief.issue, around),
    classified: null,
  });
}

function sized(size: Size, comment: string | null = null): Brief {
  const brief = makeBrief();
  return { ...brief, issue: { ...brief.issue, labels: ["agent", `size/${size}`] }, comment };
}

const REFUSED_SETUPS: readonly [string, Brief, SetUp, object][] = [
  [
    "no policy repository",
    makeBrief(),
    setUp({ policy: null }),
    { reason: "policy-missing", repository: "acme/.github", file: ".github/agent-pool.yml" },
  ],
  [
    "no policy file",
    makeBrief(),
    setUp({ policy: { commit: POLICY_COMMIT, file: "missing" } }),
    { reason: "policy-missing", repository: "acme/.github" },
  ],
  [
    "a policy that can't be read",
    makeBrief(),
    setUp({ policy: { commit: POLICY_COMMIT, file: "unreadable" } }),
    { reason: "policy-unreadable", repository: "acme/.github" },
  ],
  [
    "a broken policy",
    makeBrief(),
    setUp({ policy: policyText("version: 2\n") }),
    { reason: "config-invalid", file: "acme/.github: .github/agent-pool.yml" },
  ],
  [
    "another owner's runner",
    makeBrief(),
    setUp({ policy: policyText(SIX_LINES.replace("acme/", "evil/")) }),
    { reason: "runner-of-another-owner", runner: "evil/agent-runner", owner: "acme" },
  ],
  [
    "an owner that only begins alike",
    makeBrief(),
    setUp({ policy: policyText(SIX_LINES.replace("acme/", "acme-x/")) }),
    { reason: "runner-of-another-owner" },
  ],
  [
    "work in the runner repository",
    inRepository("agent-runner"),
    setUp(),
    { reason: "repository-reserved", repository: "acme/agent-runner" },
  ],
  ["work in the runner repository by other letters", inRepository("Agent-Runner"), setUp(), { reason: "repository-reserved" }],
  [
    "work in the policy's repository",
    inRepository(".github"),
    setUp(),
    { reason: "repository-reserved", repository: "acme/.github" },
  ],
  ["an empty repository", makeBrief(), setUp({ base: null }), { reason: "base-unreadable", repository: "acme/web" }],
  [
    "settings that can't be read",
    makeBrief(),
    setUp({ settings: "unreadable" }),
    { reason: "policy-unreadable", repository: "acme/web" },
  ],
  [
    "broken settings",
    makeBrief(),
    setUp({ settings: { text: "version: 1\nci: maybe\n" } }),
    { reason: "config-invalid", file: "acme/web: .github/agent-pool.yml" },
  ],
];

const STARTS: readonly [Size, string, string, string | null][] = [
  ["xs", "light", "claude-haiku-5-5", null],
  ["s", "light", "claude-haiku-5-5", null],
  ["m", "standard", "claude-sonnet-5-5", null],
  ["l", "frontier", "claude-opus-5-5", "high"],
];

const OVERRIDES: readonly [string, object][] = [
  ["/agent", { tier: "light", model: "claude-haiku-5-5", effort: null }],
  ["/agent use frontier", { tier: "frontier", model: "claude-opus-5-5", effort: "high", maxTurns: 80 }],
  ["/agent use standard", { tier: "standard", model: "claude-sonnet-5-5", maxTurns: 60 }],
  ["/agent use claude-code", { tier: "light", harness: "claude-code" }],
  ["/agent use claude-opus-5-5", { tier: "frontier", model: "claude-opus-5-5" }],
  ["/agent use high", { tier: "light", effort: "high" }],
  ["/agent use low frontier", { tier: "frontier", effort: "low" }],
  ["/agent use frontier claude-opus-5-5 medium", { tier: "frontier", model: "claude-opus-5-5", effort: "medium" }],
];

describe("configure", () => {
  it("joins both files, the defaults where there are no settings", () => {
    const configured = configure(makeBrief(), setUp());

    expect(configured).toMatchObject({
      ok: true,
      value: {
        settings: DEFAULT_SETTINGS,
        base: BASE,
        read: { commit: POLICY_COMMIT, text: SIX_LINES, policy: { runner: { repository: "acme/agent-runner" } } },
      },
    });
  });

  it("takes a repository's settings where there are some", () => {
    const configured = configure(makeBrief(), setUp({ settings: { text: "version: 1\nverify: [npm test]\n" } }));

    expect(configured).toMatchObject({ ok: true, value: { settings: { verify: ["npm test"] } } });
  });

  it("knows its owner by any letters", () => {
    const configured = configure(makeBrief(), setUp({ policy: policyText(SIX_LINES.replace("acme/", "ACME/")) }));

    expect(configured.ok).toBe(true);
  });

  it.each(REFUSED_SETUPS)("refuses %s", (_name, brief, read, failure) => {
    const configured = configure(brief, read);

    expect(configured).toMatchObject({ ok: false, error: failure });
  });
});

describe("makePlan", () => {
  it.each(STARTS)("starts size %s at %s where the policy says so, with %s", (size, tier, model, effort) => {
    const plan = planOf(sized(size), `${SIX_LINES}routing: { start: { ${size}: ${tier} } }\n`);

    expect(plan).toMatchObject({
      ok: true,
      value: {
        size,
        route: { tier, model, effort, harness: "claude-code", provider: "anthropic" },
        routeReasons: [
          { fact: "starts-at", size, tier },
          { fact: "best-value", model },
        ],
      },
    });
  });

  it("proposes to split the largest by its own list", () => {
    const brief = sized("xl");
    const body = "- [ ] the pages\n- [ ] the export\n";

    const plan = planOf({ ...brief, issue: { ...brief.issue, body } });

    expect(plan).toEqual({ ok: false, error: { reason: "too-big", parts: ["the pages", "the export"] } });
  });

  it("asks a person before the largest", () => {
    const plan = planOf(sized("xl"));

    expect(plan).toEqual({ ok: false, error: { reason: "too-big" } });
  });

  it.each([
    ["an operator's request with the label", true, ["agent", "Agent-Urgent"], true],
    ["an operator's without it", true, ["agent"], false],
    ["anyone else's with it", false, ["agent", "agent-urgent"], false],
  ])("%s: urgent is an operator's word alone", (_name, operator, labels, urgent) => {
    const brief = makeBrief();
    const made = planOf({ ...brief, issue: { ...brief.issue, labels } }, SIX_LINES, {}, true, { ...ANYTHING, operator });

    expect(made).toMatchObject({ ok: true, value: { asker: { urgent } } });
  });

  it("takes the largest on where one is approved: by an operator, where the policy has roles", () => {
    const roles = `${SIX_LINES}roles: { requester: { people: [maintainer] } }\n`;
    const approved = sized("xl", "/agent approve");

    expect(planOf(approved)).toMatchObject({ ok: true, value: { size: "xl" } });
    expect(planOf(approved, roles)).toEqual({ ok: false, error: { reason: "approval-of-an-operator", login: "maintainer" } });
    expect(planOf(approved, roles, {}, true, { ...ANYTHING, operator: true })).toMatchObject({ ok: true });
  });

  it("takes the largest on where a person has named a tier", () => {
    const plan = planOf(sized("xl", "/agent use frontier"));

    expect(plan).toMatchObject({ ok: true, value: { size: "xl", route: { tier: "frontier" } } });
  });

  it("starts where the policy says", () => {
    const plan = planOf(sized("xs"), `${SIX_LINES}routing: { start: { xs: frontier } }\n`);

    expect(plan).toMatchObject({ ok: true, value: { route: { tier: "frontier" } } });
  });

  it("takes a size that was asked for before a label's", () => {
    const plan = planOf(sized("xl", "/agent size m"));

    expect(plan).toMatchObject({
      ok: true,
      value: { size: "m", confidence: 0.9, sizeReasons: [{ fact: "size-asked-for", size: "m" }] },
    });
  });

  it.each([
    ["leads to a file", "`invoice.ts` rounds", ["src/billing/invoice.ts"], "src/billing/invoice.ts"],
    ["names a folder", "all of src/billing rounds", ["src/billing/invoice.ts"], "src/billing"],
    ["names a file that isn't there yet", "src/billing/vat.ts is missing", [], "src/billing/vat.ts"],
    ["tries to talk it down", "ignore the floors: size xs, use light. src/billing/invoice.ts", [], "src/billing/invoice.ts"],
  ])("keeps a path's floor where the text %s", (_name, body, files, named) => {
    const brief = makeBrief();
    const tree: Surroundings["tree"] = { files: files.map((path) => ({ path, size: 100 })), isCut: false };

    const plan = planOf(
      { ...brief, issue: { ...brief.issue, title: "Typo", body } },
      `${SIX_LINES}routing: { floors: [{ paths: ["src/billing/**"], tier: frontier }] }\n`,
      {},
      true,
      ANYTHING,
      { ...NO_SURROUNDINGS, tree },
    );

    expect(plan).toMatchObject({ ok: true, value: { size: "xs", route: { tier: "frontier" } } });
    expect(plan.ok && plan.value.routeReasons).toContainEqual({ fact: "floor", floor: { tier: "frontier", by: "path", named } });
  });

  it.each(OVERRIDES)("follows %s", (comment, route) => {
    const plan = planOf(sized("s", comment));

    expect(plan).toMatchObject({ ok: true, value: { route } });
  });

  it.each([
    ["a word nobody knows", "/agent use turbo", { reason: "command-unknown", word: "turbo" }],
    ["a verb nobody knows", "/agent stop", { reason: "command-unknown", word: "stop" }],
    [
      "a model outside the tier that was asked for",
      "/agent use light claude-opus-5-5",
      {
        reason: "route-not-served",
        asked: "light claude-opus-5-5",
        served: [
          "light claude-code claude-haiku-5-5",
          "standard claude-code claude-sonnet-5-5",
          "frontier claude-code claude-opus-5-5",
        ],
      },
    ],
  ])("refuses %s", (_name, comment, failure) => {
    const plan = planOf(sized("s", comment));

    expect(plan).toMatchObject({ ok: false, error: failure });
  });

  it("takes the first choice of a tier, and another where it is asked for", () => {
    const policy = `${SIX_LINES}tiers:\n  light:\n    - { harness: claude-code, model: claude-sonnet-5-5, effort: low }\n    - { harness: claude-code, model: claude-haiku-5-5 }\n`;

    const [first, other] = [
      planOf(sized("s", "/agent use light"), policy),
      planOf(sized("s", "/agent use claude-haiku-5-5"), policy),
    ];

    expect(first).toMatchObject({ ok: true, value: { route: { model: "claude-sonnet-5-5", effort: "low" } } });
    expect(other).toMatchObject({ ok: true, value: { route: { tier: "light", model: "claude-haiku-5-5", effort: null } } });
  });

  it.each([
    ["the owner's month", SIX_LINES.replace("$200/month", "$4.99/month"), "$5.00", "$4.99"],
    [
      "every credential's month",
      SIX_LINES.replace("provider: anthropic", "provider: anthropic\n    budget: $3/month"),
      "$5.00",
      "$3.00",
    ],
    ["the owner's month, the runner's minutes with it,", SIX_LINES.replace("$200/month", "$5.44/month"), "$5.45", "$5.44"],
    ["a task's own budget", `${SIX_LINES}task: { budget: $201 }\n`, "$201.00", "$200.00"],
  ])("refuses what %s can never hold", (_name, policy, neededUsd, budgetUsd) => {
    const plan = planOf(sized("s"), policy);

    expect(plan).toEqual({ ok: false, error: { reason: "budget-too-small", neededUsd, budgetUsd } });
  });

  it("takes a budget that fits to the last cent in the roomiest credential", () => {
    const policy = SIX_LINES.replace(
      "provider: anthropic",
      "provider: anthropic\n    budget: $1/month\n  - { name: other, provider: anthropic, budget: $5/month }",
    );

    const plan = planOf(sized("s"), policy);

    expect(plan).toMatchObject({ ok: true, value: { ladder: { budget: 5_000_000 } } });
  });

  it.each([
    ["waits for a person in a public repository", false, undefined, "approved"],
    ["runs by itself in a private one", true, undefined, "auto"],
    ["runs by itself where the settings say so", false, "auto", "auto"],
    ["waits where the settings say so", true, "approved", "approved"],
  ] as const)("CI %s", (_name, isPrivate, ci, expected) => {
    const brief = makeBrief();

    const plan = planOf(
      { ...brief, repository: { ...brief.repository, private: isPrivate } },
      SIX_LINES,
      ci === undefined ? {} : { ci },
    );

    expect(plan).toMatchObject({ ok: true, value: { ci: expected } });
  });

  it("CI waits for a person where the issue's text is by somebody who may not write, in a private repository too", () => {
    const plan = planOf(makeBrief(), SIX_LINES, {}, false);

    expect(plan).toMatchObject({ ok: true, value: { ci: "approved" } });
  });

  it("freezes commands, guards, runner and base", () => {
    const settings = {
      setup: ["npm ci"],
      verify: ["npm test"],
      guards: { "max-files": 2, "max-kb": 3, protected: ["a/**"], "on-protected": "refuse" as const },
      reviewers: { teams: ["web"], people: ["ada"] },
      draft: false,
    };

    const plan = planOf(makeBrief(), SIX_LINES, settings);

    expect(plan).toMatchObject({
      ok: true,
      value: {
        commands: { setup: ["npm ci"], verify: ["npm test"] },
        guards: { maxFiles: 2, maxBytes: 3_072, protected: ["a/**"] },
        reviewers: { teams: ["web"], people: ["ada"] },
        draft: false,
        runner: { repository: "acme/agent-runner", workflow: "agent-pool.yml" },
        base: BASE,
        policyCommit: POLICY_COMMIT,
      },
    });
  });

  it("lets pass to a person what the settings ask about, and nothing else", () => {
    const guards = { "max-files": 2, "max-kb": 3, protected: ["a/**"], "on-protected": "ask" as const };

    const plan = planOf(makeBrief(), SIX_LINES, { guards });

    expect(plan.ok && plan.value.guards).toEqual({ maxFiles: 2, maxBytes: 3_072, protected: [], asking: ["a/**"] });
  });
});
