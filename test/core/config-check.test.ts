import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkConfig, type FileText, MAX_ANNOTATIONS } from "#core/config/check.ts";
import { changesOf } from "#core/config/changes.ts";
import { parseConfig } from "#core/config/parse.ts";
import { Policy } from "#core/config/policy.ts";
import { describeChange, POLICY_ROWS } from "#core/config/policy-change.ts";
import { Settings } from "#core/config/settings.ts";
import { SETTINGS_ROWS, settingsChanges } from "#core/config/settings-change.ts";

const MINIMAL = "version: 1\npool: [{ name: a, provider: anthropic }]\nrunner: acme/agent-runner\nbudget: $200/month\n";
const policyOf = (text: string): Policy => read(text, Policy);
const settingsOf = (text: string): Settings => read(`version: 1\n${text}`, Settings);
function read<T>(text: string, schema: Parameters<typeof parseConfig<T>>[2]): T {
  const parsed = parseConfig("f", text, schema);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}
/** A policy with these lines instead of the minimal one's of the same names. */
function policy(lines: string): Policy {
  const set = lines.split("\n").map((line) => line.split(":")[0]);
  const kept = MINIMAL.split("\n").filter((line) => line !== "" && !set.includes(line.split(":")[0]));
  return policyOf([...kept, lines].join("\n"));
}

const SEAT = "{ name: ada, provider: anthropic, kind: seat, owner: ada";
const ROLES = "roles: { requester: { teams: [product], tiers: [light, standard]";

/** The row, what stood there, what stands there now, what is said; `!`: it is warned of. */
const POLICY_CASES: readonly (readonly [at: string, before: string, after: string, said: string])[] = [
  [
    "pool.*",
    "teams: { x: {}, y: {} }",
    "pool: [{ name: a, provider: anthropic }, { name: b, provider: openai, budget: $5/day, only: { teams: [x, y] } }]\nteams: { x: {}, y: {} }",
    "`b` joins the pool (api-key of openai, for $5 a day at most), kept to teams `x` and `y`.",
  ],
  [
    "pool.*",
    "",
    `pool: [{ name: a, provider: anthropic }, ${SEAT}, serves: everyone }]`,
    "!`ada` joins the pool (seat of anthropic); it serves everyone, once its owner has agreed by `/agent lend`.",
  ],
  [
    "pool.*",
    "pool: [{ name: a, provider: anthropic }, { name: b, provider: openai }]",
    "",
    "`b` leaves the pool: no new work draws on it.",
  ],
  ["pool.*.provider", "", "pool: [{ name: a, provider: openai }]", "`a` opens the models of openai; it was anthropic."],
  [
    "pool.*.budget",
    "pool: [{ name: a, provider: anthropic, budget: $5/day }]",
    "pool: [{ name: a, provider: anthropic, budget: $7.50/week }]",
    "What is done on `a` may cost $7.50 a week; it was $5 a day.",
  ],
  [
    "pool.*.budget",
    "pool: [{ name: a, provider: anthropic, budget: $5/day }]",
    "",
    "What is done on `a` has no budget of its own any more; it was $5 a day.",
  ],
  ["pool.*.jobs", "", "pool: [{ name: a, provider: anthropic, jobs: 9 }]", "`a` does up to 9 jobs at once."],
  [
    "pool.*.owner",
    `pool: [${SEAT} }]`,
    `pool: [${SEAT.replace("owner: ada", "owner: bob")} }]`,
    "!The seat `ada` is of `bob`; it was `ada`.",
  ],
  [
    "pool.*.keep-for-owner",
    `pool: [${SEAT}, keep-for-owner: 40% }]`,
    `pool: [${SEAT}, keep-for-owner: 10% }]`,
    "10% of each window of `ada` is kept for its owner; it was 40%.",
  ],
  [
    "pool.*.serves",
    `pool: [${SEAT} }]`,
    `pool: [${SEAT}, serves: everyone }]`,
    "!The seat `ada` serves everyone, once its owner has agreed by `/agent lend`; it was its owner `ada` alone.",
  ],
  [
    "pool.*.only.teams",
    "teams: { x: {} }",
    "pool: [{ name: a, provider: anthropic, only: { teams: [x] } }]\nteams: { x: {} }",
    "`a` serves only the teams `x`.",
  ],
  [
    "pool.*.only.repositories",
    "pool: [{ name: a, provider: anthropic, only: { repositories: [web] } }]",
    "",
    "`a` is no longer kept to repositories; it was `web`.",
  ],
  [
    "pool.*.only.tiers",
    "",
    "pool: [{ name: a, provider: anthropic, only: { tiers: [light] } }]",
    "`a` serves only the tiers `light`.",
  ],
  [
    "pool.*.only.models",
    "",
    "pool: [{ name: a, provider: anthropic, only: { models: [claude-haiku-5-5] } }]",
    "`a` serves only the models `claude-haiku-5-5`.",
  ],
  [
    "pool.*.only.harnesses",
    "",
    "pool: [{ name: a, provider: anthropic, only: { harnesses: [codex] } }]",
    "`a` serves only the harnesses `codex`.",
  ],
  [
    "runner.repository",
    "",
    "runner: acme/other",
    "!Jobs run in `acme/other`, and the keys of its environments are used; it was `acme/agent-runner`.",
  ],
  [
    "runner.workflow",
    "",
    "runner: { repository: acme/agent-runner, workflow: mine.yml }",
    "!Jobs are started by the workflow `mine.yml`; it was `agent-pool.yml`. Whoever writes it sees the keys.",
  ],
  [
    "runner.runs-on",
    "",
    "runner: { repository: acme/agent-runner, runs-on: ubuntu-22.04 }",
    "A minute of a runner is priced as one of `ubuntu-22.04`; it was `ubuntu-24.04`.",
  ],
  ["runner.minute", "", 'runner: { repository: acme/agent-runner, minute: "$0.004" }', "A minute of a runner counts as $0.004."],
  ["budget", "", "budget: $300/month", "All credentials and runners together may cost $300 a month; it was $200 a month."],
  ["strategy", "", "strategy: least-used", "The pool is drawn on by `strategy: least-used`; it was `paced`."],
  [
    "roles",
    "",
    `${ROLES} } }`,
    "Only those whom `roles` names may start work: `product` with light, standard. Until now everybody with write could.",
  ],
  [
    "roles",
    `${ROLES} } }`,
    "",
    "!Everybody with write may start work, with every tier and as often as they like; until now only those whom `roles` names could.",
  ],
  [
    "roles.operator",
    `${ROLES} } }`,
    `${ROLES} }, operator: { people: [ada] } }`,
    "!`ada` may start work without limits, and decide about that of others.",
  ],
  [
    "roles.operator",
    `${ROLES} }, operator: { people: [ada] } }`,
    `${ROLES} } }`,
    "`ada` may no longer start work as operator; there is none any more.",
  ],
  [
    "roles.requester",
    "roles: { operator: { people: [ada] } }",
    `${ROLES}, tasks: 5/day }, operator: { people: [ada] } }`,
    "`product` with light, standard, 5 tasks a day each may start work.",
  ],
  [
    "roles.requester",
    `${ROLES} }, operator: { people: [ada] } }`,
    "roles: { operator: { people: [ada] } }",
    "`product` may no longer start work as requester.",
  ],
  [
    "roles.operator.teams",
    "roles: { operator: { teams: [x] } }",
    "roles: { operator: { teams: [y] } }",
    "!`y` may start work without limits, and decide about that of others. `x` may no longer do so as operator.",
  ],
  [
    "roles.operator.people",
    "roles: { operator: { people: [ada, bob] } }",
    "roles: { operator: { people: [ada] } }",
    "`bob` may no longer do so as operator.",
  ],
  [
    "roles.requester.teams",
    `${ROLES} } }`,
    ROLES.replace("[product]", "[product, support]") + " } }",
    "`support` may start work within the limits of `roles.requester`.",
  ],
  [
    "roles.requester.people",
    `${ROLES} } }`,
    `${ROLES}, people: [ada] } }`,
    "`ada` may start work within the limits of `roles.requester`.",
  ],
  [
    "roles.requester.tiers",
    `${ROLES} } }`,
    ROLES.replace("standard", "frontier") + " } }",
    "`product` may now use frontier, and may no longer use standard.",
  ],
  [
    "roles.requester.tiers",
    `${ROLES} } }`,
    ROLES.replace(", tiers: [light, standard]", "") + " } }",
    "`product` may now use frontier.",
  ],
  [
    "roles.requester.tasks",
    `${ROLES}, tasks: 5/day } }`,
    `${ROLES}, tasks: 10/day } }`,
    "`product` may start 10 tasks a day each; it was 5.",
  ],
  ["approve", "", "approve: other", "What waits for an approval is approved by somebody other than who asked for it."],
  ["approve", "approve: other", "", "!Whoever may decide approves what waits for it, their own requests included."],
  ["teams.*", "", "teams: { x: { weight: 3, budget: $9/day } }", "The team `x` has a share of weight 3, and may cost $9 a day."],
  ["teams.*", "teams: { x: {} }", "", "The team `x` has no share of its own any more."],
  ["teams.*.weight", "teams: { x: {} }", "teams: { x: { weight: 3 } }", "The share of the team `x` has the weight 3; it was 1."],
  ["teams.*.budget", "teams: { x: {} }", "teams: { x: { budget: $9/day } }", "The work of the team `x` may cost $9 a day."],
  ["people.budget", "", "people: { budget: $9/day }", "The work of each person may cost $9 a day."],
  ["repositories.*.budget", "", "repositories: { web: { budget: $9/day } }", "Work in `web` may cost $9 a day."],
  [
    "tiers.light",
    "tiers: { light: [{ harness: claude-code, model: claude-haiku-5-5 }] }",
    "tiers: { light: [{ harness: claude-code, model: claude-sonnet-5-5, effort: low }, { harness: codex, model: gpt-6-luna }] }",
    "The tier light works with `claude-sonnet-5-5` in claude-code (effort low), then `gpt-6-luna` in codex; it was `claude-haiku-5-5` in claude-code.",
  ],
  [
    "tiers.standard",
    "",
    "tiers: { standard: [{ harness: claude-code, model: claude-haiku-5-5 }] }",
    "The tier standard works with `claude-haiku-5-5` in claude-code; it was `claude-sonnet-5-5` in claude-code, then `gpt-6.1-terra` in codex.",
  ],
  [
    "tiers.frontier",
    "",
    "tiers: { frontier: [{ harness: codex, model: gpt-6.1-sol }] }",
    "The tier frontier works with `gpt-6.1-sol` in codex; it was `claude-opus-5-5` in claude-code (effort high), then `gpt-6.1-sol` in codex.",
  ],
  ...(["xs", "s", "m", "l"] as const).map(
    (size) =>
      [
        `routing.start.${size}`,
        "",
        `routing: { start: { ${size}: frontier } }`,
        `Work of size ${size} starts with frontier; until now it starts where the best is expected for its cost.`,
      ] as const,
  ),
  [
    "routing.start.xl",
    "",
    "routing: { start: { xl: auto } }",
    "Work of size xl starts where the best is expected for its cost; until now it waits for a person.",
  ],
  [
    "routing.floors",
    "routing: { floors: [{ labels: [security], tier: frontier }] }",
    'routing: { floors: [{ paths: ["src/billing/**"], tier: standard }] }',
    "!No tier below standard does changes of `src/billing/**`. No longer: No tier below frontier does issues with the label `security`.",
  ],
  [
    "routing.prefer",
    "",
    "routing: { prefer: scoreboard }",
    "Of a tier's choices the one is first whose results have cost least.",
  ],
  [
    "routing.explore",
    "",
    "routing: { explore: 0.05 }",
    "5% of the xs and s tasks try another of their tier's choices; it was 0%.",
  ],
  ["routing.escalate", "", "routing: { escalate: false }", "An attempt that ends unverified is the last: none follows it."],
  ["routing.worth", "", "routing: { worth: $9 }", "A verified result is worth $9."],
  ["task.budget", "", "task: { budget: $15 }", "All attempts of a task together may cost $15; it was $5."],
  ["task.attempts", "", "task: { attempts: 4 }", "A task has at most 4 attempts; it was 3."],
  ["receipts", "", "receipts: false", "!Whoever lends a seat isn't told any more what it was used for."],
  [
    "receipts",
    "receipts: false",
    "",
    "Whoever lends a seat is told, in an issue of the policy repository, what it was used for.",
  ],
  ["task.moves", "", "task: { moves: 1 }", "A limit moves an attempt to another credential at most 1 times; it was 3."],
];

const SETTINGS_CASES: typeof POLICY_CASES = [
  ["setup", "", "setup: [npm ci]", "Before the work, with package registries reachable, this is run: `npm ci`."],
  ["setup", "setup: [npm ci]", "", "Nothing is run before the work any more."],
  [
    "verify",
    "",
    "verify: [npm test]",
    "Work counts once this passes: `npm test`; it was what the repository's files show how to run.",
  ],
  [
    "verify",
    "verify: [npm test]",
    "verify: ci",
    "!Work counts once this passes: the repository's CI on the draft; it was `npm test`.",
  ],
  ["repairs", "", "repairs: 0", "A check that fails is shown to the model 0 times at most; it was 2."],
  ["guards.max-files", "", "guards: { max-files: 9 }", "A change may touch 9 files; it was 50."],
  ["guards.max-kb", "", "guards: { max-kb: 9 }", "All files of a change together may have 9 kB; it was 500 kB."],
  [
    "guards.protected",
    "guards: { protected: [a, b] }",
    "guards: { protected: [b, c] }",
    "!No change may touch `c`. `a` may be changed from now on.",
  ],
  ["draft", "", "draft: false", "Pull requests are opened ready for review, not as drafts."],
  ["ci", "", "ci: auto", "!CI runs on each pull request at once, with the repository's secrets, on code that a model wrote."],
  ["ci", "ci: auto", "ci: approved", "CI runs on a pull request once a person has decided."],
  [
    "on-review",
    "",
    "on-review: fix",
    "!A review that requests changes starts a follow-up by itself, once on each commit and three times on a pull request.",
  ],
  [
    "on-ci",
    "",
    "on-ci: fix",
    "!CI that fails on a commit of the app's starts a follow-up by itself, once on each commit and three times on a pull request.",
  ],
  ["on-ci", "on-ci: fix", "on-ci: ask", "CI that fails starts nothing: somebody comments `/agent fix`."],
  [
    "second-person",
    "",
    "second-person: false",
    "!A pull request waits for the approval of a second person never; until now where its base branch needs a review.",
  ],
];

describe("what a change of the policy means", () => {
  it.each(POLICY_CASES)("%s: from %j to %j", (at, before, after, said) => {
    const found = said.startsWith("!") ? said.slice(1) : said;

    expect(describeChange(policy(before), policy(after))).toEqual(found === "" ? [] : [found]);
    expect(POLICY_ROWS.map((row) => row.at)).toContain(at);
    expect(checkPolicy(before, after).annotations).toHaveLength(said.startsWith("!") ? 1 : 0);
  });

  it("has a case for every row", () => {
    const cases = new Set(POLICY_CASES.map(([at]) => at));
    // Only of a policy where there was none.
    cases.add("runner");

    expect(POLICY_ROWS.map(({ at }) => at).filter((at) => !cases.has(at))).toEqual([]);
    expect(cases.size).toBeGreaterThan(40);
  });

  it("names the setting and its values where no row does", () => {
    const identity = "identity: { rule: fdrl_1, organization: org_1";
    const before = policy(`pool: [{ name: a, provider: anthropic, kind: workload-identity, ${identity} } }]`);
    const after = policy(`pool: [{ name: a, provider: anthropic, kind: workload-identity, ${identity}, workspace: w_1 } }]`);

    expect(describeChange(before, after)).toEqual(["`pool.a.identity.workspace` is now `w_1`; it was not set."]);
    expect(describeChange(after, before)).toEqual(["`pool.a.identity.workspace` is no longer set; it was `w_1`."]);
  });

  it("says that the credentials stand in another order", () => {
    const [one, other] = ["{ name: a, provider: anthropic }", "{ name: b, provider: openai }"];

    const said = describeChange(policy(`pool: [${one}, ${other}]`), policy(`pool: [${other}, ${one}]`));

    expect(said).toEqual(["The credentials of `pool` stand in another order."]);
  });

  it("is nothing for the same policy, and something for any two that differ", () => {
    const lines = [...new Set(POLICY_CASES.flatMap(([, before, after]) => [before, after]))];
    fc.assert(
      fc.property(fc.constantFrom(...lines), fc.constantFrom(...lines), (one, other) => {
        const [before, after] = [policy(one), policy(other)];
        const isSame = JSON.stringify(before) === JSON.stringify(after);

        expect(describeChange(before, after).length > 0).toBe(!isSame);
      }),
      { numRuns: 300 },
    );
  });
});

describe("what is different between two configurations of any shape", () => {
  const Value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.integer(),
      fc.string(),
      fc.array(fc.integer()),
      fc.dictionary(fc.string(), tie("value"), { noNullPrototype: true }),
    ),
  })).value;
  const Settled = fc.dictionary(fc.string(), Value, { noNullPrototype: true });

  it("is never silent, and quotes values on one line", () => {
    fc.assert(
      fc.property(Settled, Settled, (before, after) => {
        const said = changesOf([], before, after);

        expect(said.length > 0).toBe(!isDeepStrictEqual(before, after));
        expect(said.every(({ text }) => !text.includes("\n"))).toBe(true);
        expect(changesOf([], before, before)).toEqual([]);
      }),
    );
  });
});

describe("what a change of a repository's settings means", () => {
  it.each(SETTINGS_CASES)("%s: from %j to %j", (at, before, after, said) => {
    const isWarning = said.startsWith("!");

    const found = settingsChanges(settingsOf(before), settingsOf(after));

    expect(found).toEqual([{ path: at.split("."), text: isWarning ? said.slice(1) : said, warning: isWarning }]);
  });

  it("has a case for every row, and a row for every setting", () => {
    const cases = new Set(SETTINGS_CASES.map(([at]) => at));

    expect(SETTINGS_ROWS.map(({ at }) => at).filter((at) => !cases.has(at))).toEqual([]);
    expect(cases.size).toBe(SETTINGS_ROWS.length);
  });
});

function checkPolicy(before: string, after: string) {
  const text = (lines: string) => ({ text: yamlOf(lines) });
  const check = checkConfig("acme", ".github", text(before), text(`${after}\n# another text`));
  if (check === undefined) throw new Error("the same text");
  return check;
}
function yamlOf(lines: string): string {
  const set = lines.split("\n").map((line) => line.split(":")[0]);
  return [...MINIMAL.split("\n").filter((line) => line !== "" && !set.includes(line.split(":")[0])), lines].join("\n");
}

describe("the check of a configuration file", () => {
  const file = (text: string): FileText => ({ text });
  const check = (before: FileText, after: FileText, repository = ".github") => checkConfig("acme", repository, before, after);

  it.each<readonly [string, FileText, FileText]>([
    ["no file before and after", "missing", "missing"],
    ["the same text", file(MINIMAL), file(MINIMAL)],
    ["the same that can't be read", "unreadable", "unreadable"],
  ])("is not made of %s", (_name, before, after) => {
    expect(check(before, after)).toBeUndefined();
  });

  it.each<readonly [string, FileText, FileText, string, string, string]>([
    [
      "a first policy",
      "missing",
      file(MINIMAL),
      "success",
      "Valid: 3 changes",
      "- Jobs run by `agent-pool.yml` in `acme/agent-runner`, whose environments hold the keys.",
    ],
    [
      "a policy that mends a broken one",
      file("version: 2"),
      file(MINIMAL),
      "success",
      "Valid: 3 changes",
      "No valid policy was in force before: this one is.",
    ],
    [
      "a comment",
      file(MINIMAL),
      file(`# why\n${MINIMAL}`),
      "success",
      "Valid, and nothing changes",
      "What is in force stays as it is.",
    ],
    [
      "a policy that goes",
      file(MINIMAL),
      "missing",
      "success",
      "The file is removed",
      "Without a policy no work starts in any repository of this owner.",
    ],
    [
      "a policy that is no text",
      file(MINIMAL),
      "unreadable",
      "failure",
      "Not valid: 1 problem",
      "is not a text file of less than 500 kB",
    ],
    [
      "a runner of another owner",
      file(MINIMAL),
      file(MINIMAL.replace("runner: acme", "runner: other")),
      "failure",
      "Not valid: 1 problem",
      "line 3, column 1",
    ],
  ])("tells of %s", (_name, before, after, conclusion, title, said) => {
    const found = check(before, after);

    expect(found).toMatchObject({ conclusion, title });
    expect(found?.summary).toContain(said);
  });

  it("is of the repository's own settings anywhere else, of which the defaults hold without a file", () => {
    const found = check("missing", file("version: 1\nci: auto\nrepairs: 1\n"), "web");
    const gone = check(file("version: 1\n"), "missing", "web");

    expect(found).toMatchObject({ conclusion: "success", title: "Valid: 2 changes, 1 to look at twice" });
    expect(found?.annotations).toMatchObject([{ line: 2, column: 1, level: "warning" }]);
    expect(gone?.summary).toContain("the defaults hold");
  });

  it("shows each problem on its line, and only as many as GitHub takes", () => {
    const broken =
      "version: 1\npool:\n  - name: A B\n    provider: nobody\nrunner: acme/agent-runner\nbudget: lots\nnonsense: 1\n";
    const many = Array.from({ length: 80 }, (_, at) => `n${String(at)}: 1`).join("\n");

    const found = check(file(MINIMAL), file(broken));
    const full = check(file(MINIMAL), file(`${MINIMAL}${many}\n`));

    expect(found?.annotations.map(({ line, column }) => [line, column])).toEqual([
      [3, 5],
      [4, 5],
      [6, 1],
      [7, 1],
    ]);
    expect(found?.annotations.every(({ level }) => level === "failure")).toBe(true);
    expect(full?.annotations).toHaveLength(MAX_ANNOTATIONS);
    expect(full?.title).toBe("Not valid: 80 problems");
    expect(full?.summary).toContain("- and 30 more");
  });

  it("shows what should be looked at twice on its line, of a credential in its place", () => {
    const before = MINIMAL.replace("[{ name: a, provider: anthropic }]", `\n  - { name: a, provider: anthropic }\n  - ${SEAT} }`);
    const after = before.replace("owner: ada }", "owner: ada, serves: everyone }");

    const found = check(file(before), file(after));

    expect(found?.annotations).toMatchObject([{ line: 4, level: "warning" }]);
  });

  it("lets no text of the file act: nothing is mentioned, linked, or closed", () => {
    const hostile = 'setup: ["@ada `/agent` closes #1 ![x](https://evil.example/?q) <img src=x>"]';

    const found = check(file("version: 1\n"), file(`version: 1\n${hostile}\n`), "web");
    const broken = check(file("version: 1\n"), file(`version: 1\nci: "@ada closes #1 ![x](https://evil.example/?q)"\n`), "web");

    for (const text of [found?.summary ?? "", broken?.summary ?? "", broken?.annotations[0]?.message ?? ""]) {
      expect(text).not.toMatch(/@ada|closes #1|!\[|\]\(https/);
      expect(text).toContain("ada");
    }
  });

  it("fits into what GitHub takes, whatever is in the file", () => {
    const teams = Array.from({ length: 2_000 }, (_, at) => `  team-with-a-long-name-${String(at)}: { weight: 2 }`).join("\n");

    const found = check(file(MINIMAL), file(`${MINIMAL}teams:\n${teams}\n`));

    expect(found?.title).toBe("Valid: 2000 changes");
    expect(found?.summary.length).toBeLessThan(65_535);
    expect(found?.summary).toContain("- and more, which does not fit here");
  });
});
