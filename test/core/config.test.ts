import { describe, expect, it } from "vitest";
import { parseConfig } from "#core/config/parse.ts";
import { Policy } from "#core/config/policy.ts";
import { DEFAULT_SETTINGS, Settings } from "#core/config/settings.ts";
import type { Problem } from "#core/wire/failure.ts";

/** DESIGN.md §8, as it stands there. */
const SIX_LINES = `version: 1
pool:
  - name: platform-api            # the alias people see, and the environment that holds AGENT_POOL_KEY
    provider: anthropic
runner: acme/agent-runner
budget: $200/month
`;

function policyWith(line: string): string {
  return `${SIX_LINES}${line}\n`;
}

function entryWith(...lines: readonly string[]): string {
  return SIX_LINES.replace(
    "    provider: anthropic",
    ["    provider: anthropic", ...lines.map((line) => `    ${line}`)].join("\n"),
  );
}

/** Name, text, and each problem as `path line:column found → expected`. */
const BROKEN: readonly [string, string, readonly string[]][] = [
  [
    "an unknown key",
    policyWith("bugdet: $5/month"),
    ['bugdet 7:1 `"$5/month"` → `bugdet` is not a setting; check its spelling or remove it'],
  ],
  [
    "two unknown keys",
    policyWith("stratgey: paced\nteems: 3"),
    [
      'stratgey 7:1 `"paced"` → `stratgey` is not a setting; check its spelling or remove it',
      "teems 8:1 `3` → `teems` is not a setting; check its spelling or remove it",
    ],
  ],
  [
    "an unknown key of a pool entry",
    SIX_LINES.replace("    provider: anthropic", "    provider: anthropic\n    ower: ada"),
    ['pool.0.ower 5:5 `"ada"` → `ower` is not a setting; check its spelling or remove it'],
  ],
  [
    "an unknown tier",
    policyWith("tiers:\n  turbo: []"),
    ["tiers.turbo 8:3 `[]` → `turbo` is not a setting; check its spelling or remove it"],
  ],
  [
    "a size that starts at an unknown tier",
    policyWith("routing: { start: { m: turbo } }"),
    ['routing.start.m 7:21 `"turbo"` → should be auto, light, standard, frontier or ask'],
  ],
  [
    "more exploration than may be",
    policyWith("routing: { explore: 0.06 }"),
    ["routing.explore 7:12 `0.06` → should be a share between 0 and 0.05"],
  ],
  [
    "a budget that is a number",
    SIX_LINES.replace("$200/month", "200"),
    ['budget 6:1 `200` → should be an amount a day, week or month, like "$200/month"'],
  ],
  [
    "a budget of a year",
    SIX_LINES.replace("$200/month", "$200/year"),
    ['budget 6:1 `"$200/year"` → should be an amount a day, week or month, like "$200/month"'],
  ],
  [
    "a budget below zero",
    SIX_LINES.replace("$200/month", "$-5/month"),
    ['budget 6:1 `"$-5/month"` → should be an amount a day, week or month, like "$200/month"'],
  ],
  [
    "no budget",
    SIX_LINES.replace("budget: $200/month\n", ""),
    ['budget 1:1 nothing → should be an amount a day, week or month, like "$200/month"'],
  ],
  [
    "a floor of nothing",
    policyWith("routing: { floors: [{ tier: frontier }] }"),
    ['routing.floors.0 7:21 `{"tier":"frontier"}` → should name `labels`, `paths` or both'],
  ],
  [
    "a floor under a path outside the repository",
    policyWith('routing: { floors: [{ paths: ["../x"], tier: frontier }] }'),
    ['routing.floors.0.paths.0 7:31 `"../x"` → should be a path inside the repository, without `..`'],
  ],
  [
    "a task's budget by the month",
    policyWith("task: { budget: $5/month }"),
    ['task.budget 7:9 `"$5/month"` → should be an amount in dollars, like "$15"'],
  ],
  [
    "a name used twice",
    SIX_LINES.replace("runner:", "  - { name: platform-api, provider: anthropic }\nrunner:"),
    ['pool.1.name 5:7 `"platform-api"` → should be another name: a credential above has this one'],
  ],
  [
    "a name in capitals",
    SIX_LINES.replace("name: platform-api ", "name: Platform"),
    ['pool.0.name 3:5 `"Platform"` → should be lower-case letters, digits, `.`, `_` or `-`, at most 63'],
  ],
  [
    "an empty pool",
    SIX_LINES.replace(/pool:[\s\S]*?runner/, "pool: []\nrunner"),
    ["pool 2:1 `[]` → should list at least one credential"],
  ],
  [
    "a pool that is a word",
    SIX_LINES.replace(/pool:[\s\S]*?runner/, "pool: all\nrunner"),
    ['pool 2:1 `"all"` → should be a list, like `[one, two]`'],
  ],
  [
    "a provider it doesn't know",
    SIX_LINES.replace("provider: anthropic", "provider: acme"),
    ['pool.0.provider 4:5 `"acme"` → should be `anthropic` or `openai` or `openrouter`'],
  ],
  [
    "a kind it doesn't know",
    entryWith("kind: license"),
    ['pool.0.kind 5:5 `"license"` → should be one of api-key, access-token, workload-identity, seat'],
  ],
  [
    "a kind that its provider doesn't give out",
    entryWith("kind: access-token"),
    ['pool.0.kind 5:5 `"access-token"` → is given out by openai alone'],
  ],
  [
    "a workload identity of which the provider is told too little",
    entryWith("kind: workload-identity", "identity: { rule: fdrl_1 }"),
    ['pool.0.identity 6:5 `{"rule":"fdrl_1"}` → should name `organization`'],
  ],
  [
    "an identity beside a key",
    entryWith("identity: { rule: fdrl_1, organization: org_1 }"),
    ['pool.0.identity 5:5 `{"rule":"fdrl_1","organization":"org_1"}` → is for `kind: workload-identity`'],
  ],
  [
    "a harness that doesn't speak to its model's provider",
    policyWith("tiers:\n  light:\n    - harness: codex\n      model: claude-haiku-5-5"),
    ['tiers.light.0.model 10:7 `"claude-haiku-5-5"` → is a model of anthropic; codex works with those of openai'],
  ],
  [
    "a seat that is nobody's",
    entryWith("kind: seat"),
    ['pool.0.kind 5:5 `"seat"` → a seat needs its `owner`, the login of the person it is of'],
  ],
  [
    "a seat with a budget",
    entryWith("kind: seat", "owner: ada", "budget: $5/month"),
    ['pool.0.budget 7:5 `"$5/month"` → is for what is paid by use; a seat\'s windows limit it'],
  ],
  [
    "a seat for two jobs at once",
    entryWith("kind: seat", "owner: ada", "jobs: 2"),
    ["pool.0.jobs 7:5 `2` → a seat does one job at a time"],
  ],
  [
    "a key with an owner, and a part kept for them",
    entryWith("owner: ada", "keep-for-owner: 40%"),
    [
      'pool.0.owner 5:5 `"ada"` → is for seats; say `kind: seat` if it is one',
      'pool.0.keep-for-owner 6:5 `"40%"` → is for seats; say `kind: seat` if it is one',
    ],
  ],
  [
    "more than all kept for a seat's owner",
    entryWith("kind: seat", "owner: ada", "keep-for-owner: 101%"),
    ['pool.0.keep-for-owner 7:5 `"101%"` → should be a share from 0% to 100%, like "40%"'],
  ],
  ["no job at once", entryWith("jobs: 0"), ["pool.0.jobs 5:5 `0` → should be 1 or more"]],
  ["an owner that is no login", entryWith("kind: seat", "owner: -ada"), ['pool.0.owner 6:5 `"-ada"` → should be a GitHub login']],
  [
    "a credential for a team that isn't declared",
    entryWith("only: { teams: [constructor] }"),
    ['pool.0.only.teams.0 5:21 `"constructor"` → should be one of `teams`, by whose names people\'s teams are known'],
  ],
  [
    "a repository's budget by its full name",
    policyWith("repositories: { acme/web: { budget: $1/week } }"),
    ['repositories.acme/web 7:17 `{"budget":"$1/week"}` → should be a repository\'s name without its owner, like `web`'],
  ],
  [
    "a budget of nothing",
    SIX_LINES.replace("$200/month", "$0/month"),
    ['budget 6:1 `"$0/month"` → should be more than nothing, like "$200/month"'],
  ],
  [
    "a credential for a model it doesn't know",
    entryWith("only: { models: [claude-sonet-5-5] }"),
    [
      'pool.0.only.models.0 5:22 `"claude-sonet-5-5"` → should be a model with a known price, like claude-haiku-5-5, claude-sonnet-5-5, claude-opus-5-5; docs/configuration.md lists all',
    ],
  ],
  [
    "a team that everybody is in",
    policyWith("teams: { everyone: {} }"),
    ["teams.everyone 7:10 `{}` → is what those are called who are in no team: it names none here"],
  ],
  [
    "a seat of which all is kept",
    entryWith("kind: seat", "owner: ada", "keep-for-owner: 100%"),
    ['pool.0.keep-for-owner 7:5 `"100%"` → leaves others nothing: should be 95% at most, or leave it out with `serves: owner`'],
  ],
  [
    "a strategy it doesn't know",
    policyWith("strategy: random"),
    ['strategy 7:1 `"random"` → should be one of paced, least-used, drain-soonest'],
  ],
  [
    "a team called by its title",
    policyWith("teams: { Platform Team: { weight: 2 } }"),
    ['teams.Platform Team 7:10 `{"weight":2}` → should be a team\'s name as in its address, like `platform`'],
  ],
  ["a weight below zero", policyWith("teams: { web: { weight: -1 } }"), ["teams.web.weight 7:17 `-1` → should be 0 or more"]],
  ["more moves than may be", policyWith("task: { moves: 11 }"), ["task.moves 7:9 `11` → should be 10 or less"]],
  [
    "a model without a price",
    policyWith("tiers:\n  light:\n    - harness: claude-code\n      model: gpt-9"),
    [
      `tiers.light.0.model 10:7 \`"gpt-9"\` → should be a model with a known price, like claude-haiku-5-5, claude-sonnet-5-5, claude-opus-5-5; docs/configuration.md lists all`,
    ],
  ],
  [
    "a runner that is no repository",
    SIX_LINES.replace("acme/agent-runner", "agent-runner"),
    ['runner 5:1 `"agent-runner"` → should be a repository, like "acme/agent-runner"'],
  ],
  [
    "a runner whose minutes have no known price",
    SIX_LINES.replace("runner: acme/agent-runner", "runner: { repository: acme/agent-runner, runs-on: our-machines }"),
    [
      'runner.runs-on 5:42 `"our-machines"` → has a price that isn\'t known here (known: ubuntu-latest, ubuntu-24.04, ubuntu-22.04); say it in `minute`',
    ],
  ],
  ["another version", SIX_LINES.replace("version: 1", "version: 2"), ["version 1:1 `2` → should be 1"]],
  ["no version", SIX_LINES.replace("version: 1\n", ""), ["version 1:1 nothing → should be 1"]],
  ["a key written twice", policyWith("budget: $5/month"), ["(file) 7:1 text that is not YAML → Map keys must be unique"]],
  ["tabs", "version: 1\npool:\n\t- name: a\n", ["(file) 3:1 text that is not YAML → Tabs are not allowed as indentation"]],
  [
    "a bracket that is not closed",
    "version: [1\n",
    ["(file) 2:1 text that is not YAML → Flow sequence in block collection must be sufficiently indented and end with a ]"],
  ],
  [
    "a second document",
    `${SIX_LINES}---\nversion: 1\n`,
    ["(file) 7:1 text that is not YAML → Source contains multiple documents; please use YAML.parseAllDocuments()"],
  ],
  ["nothing at all", "", ["(file) 1:1 `null` → should be settings, each with its name, like `name: value`"]],
  [
    "a sentence",
    "please pool my keys",
    ['(file) 1:1 `"please pool my keys"` → should be settings, each with its name, like `name: value`'],
  ],
  [
    "an alias",
    policyWith("task: &a { budget: $5 }\nrouting: *a"),
    ["(file) 8:10 `*a` → aliases are not read here; write the value out"],
  ],
  ["an alias of nothing", policyWith("task: *a"), ["(file) 7:7 `*a` → aliases are not read here; write the value out"]],
  [
    "an alias bomb",
    `a: &a [x,x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 8 }, (_, index) => `${String.fromCodePoint(98 + index)}: &${String.fromCodePoint(98 + index)} [${`*${String.fromCodePoint(97 + index)},`.repeat(9)}*a]`).join("\n")}\n`,
    ["(file) 2:8 `*a` → aliases are not read here; write the value out"],
  ],
];

const SETTINGS_BROKEN: readonly [string, string, readonly string[]][] = [
  ["a setup that is one command", "version: 1\nsetup: npm ci\n", ['setup 2:1 `"npm ci"` → should be a list of shell commands']],
  ["a draft that is a word", "version: 1\ndraft: sometimes\n", ['draft 2:1 `"sometimes"` → should be true or false']],
  ["a ci that is a switch", "version: 1\nci: true\n", ["ci 2:1 `true` → should be approved or auto"]],
  [
    "a guard of another name",
    "version: 1\nguards: { max-file: 3 }\n",
    ["guards.max-file 2:11 `3` → `max-file` is not a setting; check its spelling or remove it"],
  ],
  [
    "a way with protected paths that there is none of",
    "version: 1\nguards: { on-protected: block }\n",
    ['guards.on-protected 2:11 `"block"` → should be refuse or ask'],
  ],
  [
    "a reviewer as CODEOWNERS has them",
    'version: 1\nreviewers: { people: ["@ada"] }\n',
    ['reviewers.people.0 2:23 `"@ada"` → should be a GitHub login'],
  ],
  [
    "a team of reviewers with its owner",
    "version: 1\nreviewers: { teams: [acme/web] }\n",
    ['reviewers.teams.0 2:22 `"acme/web"` → should be a team\'s name as in its address, like `platform`'],
  ],
  ["more files than may be", "version: 1\nguards:\n  max-files: 9999\n", ["guards.max-files 3:3 `9999` → should be 500 or less"]],
];

function problemsOf(parsed: ReturnType<typeof parseConfig>): string[] {
  const show = (p: Problem) => `${p.path} ${String(p.line)}:${String(p.column)} ${p.found} → ${p.expected}`;
  return parsed.ok ? [] : parsed.error.problems.map(show);
}

describe("policy", () => {
  it("of six lines has a default for everything else", () => {
    const parsed = parseConfig("policy", SIX_LINES, Policy);

    expect(parsed).toEqual({
      ok: true,
      value: {
        version: 1,
        pool: [{ name: "platform-api", provider: "anthropic", kind: "api-key" }],
        runner: { repository: "acme/agent-runner", workflow: "agent-pool.yml", "runs-on": "ubuntu-24.04" },
        budget: { amount: 200_000_000, period: "month" },
        strategy: "paced",
        agents: {},
        approve: "anyone",
        receipts: true,
        teams: {},
        people: {},
        repositories: {},
        tiers: {
          light: [
            { harness: "claude-code", model: "claude-haiku-5-5" },
            { harness: "codex", model: "gpt-6-luna" },
          ],
          standard: [
            { harness: "claude-code", model: "claude-sonnet-5-5" },
            { harness: "codex", model: "gpt-6.1-terra" },
          ],
          frontier: [
            { harness: "claude-code", model: "claude-opus-5-5", effort: "high" },
            { harness: "codex", model: "gpt-6.1-sol" },
          ],
        },
        routing: {
          start: { xs: "auto", s: "auto", m: "auto", l: "auto", xl: "ask" },
          floors: [],
          prefer: "configuration",
          explore: 0,
          escalate: true,
        },
        task: { moves: 3, attempts: 3 },
      },
    });
  });

  it("takes every setting there is", () => {
    const text = policyWith(`tiers:
  light: [{ harness: claude-code, model: claude-sonnet-5-5, effort: low }]
routing:
  start: { xl: frontier }
  floors: [{ labels: [security], tier: frontier }, { paths: ["src/billing/**"], tier: standard }]
  escalate: false
  worth: $3
strategy: drain-soonest
teams: { platform_2: { weight: 2.5, budget: $20/week }, web: {} }
people: { budget: $5/day }
repositories: { web: { budget: $50/month } }
task: { budget: $1.50, moves: 0, attempts: 2 }`)
      .replace("runner: acme/agent-runner", "runner: { repository: acme/agent-runner, workflow: pool.yaml }")
      .replace(
        "runner:",
        `  - name: ada-max
    provider: anthropic
    kind: seat
    owner: Ada
    keep-for-owner: 40%
    serves: everyone
    subscription: Max 20x
    account: adas
    only: { teams: [web], repositories: [web], tiers: [light], models: [claude-haiku-5-5], harnesses: [claude-code] }
  - { name: second-key, provider: anthropic, budget: $9/week, jobs: 2 }
runner:`,
      );

    const parsed = parseConfig("policy", text, Policy);

    expect(parsed).toMatchObject({
      ok: true,
      value: {
        pool: [
          { name: "platform-api", kind: "api-key" },
          {
            name: "ada-max",
            kind: "seat",
            owner: "ada",
            "keep-for-owner": 0.4,
            serves: "everyone",
            subscription: "Max 20x",
            account: "adas",
            only: {
              teams: ["web"],
              repositories: ["web"],
              tiers: ["light"],
              models: ["claude-haiku-5-5"],
              harnesses: ["claude-code"],
            },
          },
          { name: "second-key", budget: { amount: 9_000_000, period: "week" }, jobs: 2 },
        ],
        runner: { repository: "acme/agent-runner", workflow: "pool.yaml" },
        strategy: "drain-soonest",
        teams: { platform_2: { weight: 2.5, budget: { amount: 20_000_000, period: "week" } }, web: { weight: 1 } },
        people: { budget: { amount: 5_000_000, period: "day" } },
        repositories: { web: { budget: { amount: 50_000_000, period: "month" } } },
        tiers: {
          light: [{ model: "claude-sonnet-5-5", effort: "low" }],
          standard: [{ model: "claude-sonnet-5-5" }, { model: "gpt-6.1-terra" }],
        },
        routing: {
          start: { xs: "auto", xl: "frontier" },
          floors: [
            { labels: ["security"], tier: "frontier" },
            { paths: ["src/billing/**"], tier: "standard" },
          ],
          escalate: false,
          worth: 3_000_000,
        },
        task: { budget: 1_500_000, moves: 0 },
      },
    });
  });

  it.each([
    ["$0.01/month", 10_000, "month"],
    ["$1/month", 1_000_000, "month"],
    ["$19.99/month", 19_990_000, "month"],
    ["$9999999.99/month", 9_999_999_990_000, "month"],
    ["$200/week", 200_000_000, "week"],
    ["$0.50/day", 500_000, "day"],
  ])("reads a budget of %s to the cent, with its period", (budget, amount, period) => {
    const parsed = parseConfig("policy", SIX_LINES.replace("$200/month", budget), Policy);

    expect(parsed).toMatchObject({ ok: true, value: { budget: { amount, period } } });
  });

  it("takes what a minute of one's own machines costs, nothing included", () => {
    const runner = "runner: { repository: acme/agent-runner, runs-on: our-machines, minute: $0 }";
    const parsed = parseConfig("policy", SIX_LINES.replace("runner: acme/agent-runner", runner), Policy);

    expect(parsed).toMatchObject({ ok: true, value: { runner: { minute: 0 } } });
  });

  it.each(BROKEN)("with %s is refused with place, finding and remedy", (_name, text, problems) => {
    const parsed = parseConfig("acme/.github: .github/agent-pool.yml", text, Policy);

    expect(parsed).toMatchObject({
      ok: false,
      error: { reason: "config-invalid", file: "acme/.github: .github/agent-pool.yml" },
    });
    expect(problemsOf(parsed)).toEqual(problems);
  });

  it("of nothing but brackets is refused like any other", () => {
    const parsed = parseConfig("policy", "[".repeat(20_000), Policy);

    expect(parsed).toMatchObject({
      ok: false,
      error: { problems: [{ path: "(file)", line: 1, expected: "should not be nested deeper than the settings are" }] },
    });
  });

  it("names every problem of a file, not the first alone", () => {
    const parsed = parseConfig("policy", "version: 2\npool: []\nrunner: x\nbudget: 1\nfoo: 1\n", Policy);

    expect(problemsOf(parsed).map((problem) => problem.split(" ")[0])).toEqual(["version", "pool", "runner", "budget", "foo"]);
  });
});

describe("settings", () => {
  it("have defaults for everything but their version", () => {
    const parsed = parseConfig("settings", "version: 1\n", Settings);

    expect(parsed).toEqual({
      ok: true,
      value: {
        version: 1,
        setup: [],
        repairs: 2,
        "on-review": "ask",
        "on-ci": "ask",
        guards: { "max-files": 50, "max-kb": 500, protected: [], "on-protected": "refuse" },
        draft: true,
      },
    });
    expect(parsed).toEqual({ ok: true, value: DEFAULT_SETTINGS });
  });

  it("take the design's example", () => {
    const text = `version: 1
setup:  [npm ci --ignore-scripts]  # registries open, no model yet
verify: [npm test]
guards: { max-files: 50, max-kb: 500, protected: ["migrations/**"] }
reviewers: { teams: [web] }
draft: true
ci: auto
`;

    const parsed = parseConfig("settings", text, Settings);

    expect(parsed).toEqual({
      ok: true,
      value: {
        version: 1,
        setup: ["npm ci --ignore-scripts"],
        verify: ["npm test"],
        repairs: 2,
        "on-review": "ask",
        "on-ci": "ask",
        guards: { "max-files": 50, "max-kb": 500, protected: ["migrations/**"], "on-protected": "refuse" },
        reviewers: { teams: ["web"], people: [] },
        draft: true,
        ci: "auto",
      },
    });
  });

  it("keep the other guards' defaults where one is set", () => {
    const parsed = parseConfig("settings", "version: 1\nguards: { max-files: 3 }\n", Settings);

    expect(parsed).toMatchObject({ ok: true, value: { guards: { "max-files": 3, "max-kb": 500, protected: [] } } });
  });

  it.each(["ci", "[]", "[npm test, make lint]"])("take `verify: %s`", (verify) => {
    expect(parseConfig("settings", `version: 1\nverify: ${verify}\n`, Settings)).toMatchObject({ ok: true });
  });

  it.each(SETTINGS_BROKEN)("with %s are refused", (_name, text, problems) => {
    const parsed = parseConfig("acme/web: .github/agent-pool.yml", text, Settings);

    expect(problemsOf(parsed)).toEqual(problems);
  });

  it.each([
    ["a\\*b", "should have `/` between folders and no backslash; brackets also stand for themselves"],
    ["!a", "should say what is protected; nothing can be taken out of it with `!`"],
    ["a/!(b)", "should name alternatives as `{a,b}`"],
    ["@(a|b)", "should name alternatives as `{a,b}`"],
    ["{a,b}".repeat(7), "should be written as several patterns; its braces allow more than 100 ways"],
    ["../a", "should be a path inside the repository, without `..`"],
    ["/", "should name a file or a folder"],
    [" ./ ", "should name a file or a folder"],
    ["{a,}", "should name a file or a folder"],
  ])("refuse to protect %j, and say what would be right", (pattern, expected) => {
    const parsed = parseConfig("settings", `version: 1\nguards: { protected: [${JSON.stringify(pattern)}] }\n`, Settings);

    expect(problemsOf(parsed)).toEqual([expect.stringMatching(/^guards\.protected\.0 2:23 /)]);
    expect(problemsOf(parsed)).toEqual([expect.stringContaining(` → ${expected}`)]);
  });

  it.each(["/a", "./a", "a/", "*.sql", "app/[slug]/page.tsx", "app/(group)/**", "{a,b}/c", "a!b", "[!a]b", "**"])(
    "take %j for a pattern",
    (pattern) => {
      const parsed = parseConfig("settings", `version: 1\nguards: { protected: [${JSON.stringify(pattern)}] }\n`, Settings);

      expect(parsed).toMatchObject({ ok: true, value: { guards: { protected: [pattern] } } });
    },
  );
});
