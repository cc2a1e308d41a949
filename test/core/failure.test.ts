import { describe, expect, it } from "vitest";
import { describe as say, type Failure } from "#core/wire/failure.ts";
import { EpochMs, MicroUsd } from "#core/wire/units.ts";

type Reason = Failure["reason"];

/** One of each: a reason without a row here does not compile. */
const FAILURES: {
  readonly [R in Reason]: {
    readonly failure: Extract<Failure, { reason: R }>;
    readonly facts: readonly string[];
    readonly next: RegExp;
  };
} = {
  "policy-missing": {
    failure: { reason: "policy-missing", repository: "acme/.github", file: "f.yml" },
    facts: ["acme/.github", "f.yml"],
    next: /Add it .* then label the issue again/,
  },
  "policy-unreadable": {
    failure: { reason: "policy-unreadable", repository: "acme/.github", file: "f.yml" },
    facts: ["acme/.github", "f.yml"],
    next: /Install the App .* then label the issue again/,
  },
  "config-invalid": {
    failure: {
      reason: "config-invalid",
      file: "f.yml",
      problems: [{ path: "pool.0.name", line: 3, column: 5, found: "`X`", expected: "should be lower case" }],
    },
    facts: ["f.yml", "line 3, column 5", "pool.0.name", "`X`", "should be lower case"],
    next: /Correct the file on the default branch/,
  },
  "repository-reserved": {
    failure: { reason: "repository-reserved", repository: "acme/agent-runner" },
    facts: ["acme/agent-runner"],
    next: /Open the issue in the repository whose code should change/,
  },
  "runner-of-another-owner": {
    failure: { reason: "runner-of-another-owner", runner: "evil/runner", owner: "acme" },
    facts: ["evil/runner", "acme"],
    next: /name a repository of `acme`/,
  },
  "runner-not-installed": {
    failure: { reason: "runner-not-installed", runner: "acme/runner" },
    facts: ["acme/runner"],
    next: /Add that repository to the installation/,
  },
  "runner-is-public": {
    failure: { reason: "runner-is-public", runner: "acme/runner" },
    facts: ["acme/runner"],
    next: /Make it private/,
  },
  "environment-not-locked": {
    failure: { reason: "environment-not-locked", credential: "platform-api", runner: "acme/runner", branch: "main" },
    facts: ["platform-api", "acme/runner", "main"],
    next: /let exactly the branch `main` deploy to it/,
  },
  "edited-lately": {
    failure: { reason: "edited-lately", login: "maintainer", editor: "pat" },
    facts: ["@maintainer", "@pat"],
    next: /Look at what was changed .*`\/agent approve`/,
  },
  "approval-of-an-operator": {
    failure: { reason: "approval-of-an-operator", login: "pat" },
    facts: ["pat"],
    next: /Ask an operator to comment `\/agent approve`/,
  },
  "task-under-way": {
    failure: { reason: "task-under-way", login: "ada" },
    facts: ["ada"],
    next: /Comment `\/agent` once it has ended/,
  },
  "no-task": {
    failure: { reason: "no-task", login: "pat", asked: "/agent cancel" },
    facts: ["pat", "/agent cancel"],
    next: /Comment `\/agent` to start work/,
  },
  "task-late": { failure: { reason: "task-late", login: "pat" }, facts: ["pat"], next: /Close that one where it isn't wanted/ },
  "pull-open": {
    failure: { reason: "pull-open", login: "pat", pull: 13 },
    facts: ["pat", "#13"],
    next: /Review it, or close it first/,
  },
  "operators-decide": {
    failure: { reason: "operators-decide", login: "pat", asked: "/agent pause" },
    facts: ["pat", "/agent pause"],
    next: /Ask one: `roles` in the policy names them/,
  },
  "approval-of-another": {
    failure: { reason: "approval-of-another", login: "pat" },
    facts: ["pat", "approve: other"],
    next: /Ask somebody else to comment `\/agent approve`/,
  },
  "not-approved": {
    failure: { reason: "not-approved", days: 14 },
    facts: ["14 days"],
    next: /Comment `\/agent` to ask again/,
  },
  cancelled: {
    failure: { reason: "cancelled", why: "label", login: "pat" },
    facts: ["@pat", "label"],
    next: /Comment `\/agent` to start anew/,
  },
  "actor-may-not-start": {
    failure: { reason: "actor-may-not-start", login: "eve", role: "triage" },
    facts: ["eve", "triage"],
    next: /ask one of them to set the label/,
  },
  "actor-in-no-role": {
    failure: { reason: "actor-in-no-role", login: "eve" },
    facts: ["eve", "`roles`"],
    next: /Ask someone who is .* or have `roles` name/,
  },
  "tier-not-allowed": {
    failure: { reason: "tier-not-allowed", login: "pat", tier: "frontier", allowed: ["light", "standard"] },
    facts: ["pat", "`frontier`", "`light`, `standard`"],
    next: /Comment `\/agent use standard`, or ask an operator/,
  },
  "tasks-used-up": {
    failure: { reason: "tasks-used-up", login: "pat", tasks: 10, opensAt: EpochMs(Date.UTC(2026, 2, 2)) },
    facts: ["pat", "10 tasks"],
    next: /again after 2026-03-02 00:00 UTC, or ask an operator/,
  },
  "seat-not-yours": {
    failure: { reason: "seat-not-yours", seat: "ada-max", login: "bob", repository: "acme/.github", file: "f.yml" },
    facts: ["ada-max", "bob", "acme/.github", "f.yml"],
    next: /Compare `pool` .* then comment again/,
  },
  "nothing-lent": {
    failure: { reason: "nothing-lent", seat: "ada-max", login: "bob" },
    facts: ["ada-max", "bob"],
    next: /compare the name with `pool`/,
  },
  "lender-unverified": {
    failure: { reason: "lender-unverified", login: "ada" },
    facts: ["ada"],
    next: /Comment on an issue of a repository where you have one/,
  },
  "command-unknown": {
    failure: { reason: "command-unknown", word: "turbo", valid: "`light`" },
    facts: ["turbo"],
    next: /Valid: `light`/,
  },
  "agent-unknown": {
    failure: { reason: "agent-unknown", label: "agent:x", labels: ["agent:docs"] },
    facts: ["agent:x", "agent:docs"],
    next: /Set one of these/,
  },
  "agents-several": {
    failure: { reason: "agents-several", agents: ["docs", "tests"] },
    facts: ["docs", "tests"],
    next: /like `\/agent use docs`, or take the other labels off/,
  },
  "instructions-unreadable": {
    failure: { reason: "instructions-unreadable", agent: "docs", repository: "acme/web", file: "f.md", why: "too-long" },
    facts: ["docs", "acme/web", "f.md", "20,000 characters"],
    next: /Put it there, or take `agents.docs.instructions` out of the policy/,
  },
  "agent-not-served": {
    failure: { reason: "agent-not-served", agent: "docs", tiers: ["light"], open: ["frontier"] },
    facts: ["docs", "`light`", "`frontier`"],
    next: /Ask for another tier or without the specialist/,
  },
  "command-elsewhere": {
    failure: { reason: "command-elsewhere", asked: "/agent plan", on: "issue", number: 12 },
    facts: ["/agent plan", "12"],
    next: /comment it on #12/,
  },
  "ci-needs-write": {
    failure: { reason: "ci-needs-write", login: "pat", role: "triage" },
    facts: ["pat", "triage"],
    next: /ask someone with write access/,
  },
  "ci-not-held": {
    failure: { reason: "ci-not-held", login: "pat" },
    facts: ["pat"],
    next: /it runs as the repository's workflows have it/,
  },
  "follow-up-under-way": {
    failure: { reason: "follow-up-under-way", login: "pat" },
    facts: ["pat"],
    next: /Comment `\/agent fix` once it has ended/,
  },
  "follow-ups-used-up": {
    failure: { reason: "follow-ups-used-up", bound: "automatic", most: 3 },
    facts: ["3"],
    next: /Comment `\/agent fix` to go on/,
  },
  "nothing-to-follow": {
    failure: { reason: "nothing-to-follow", login: "pat" },
    facts: ["pat"],
    next: /and no failing check\. Say what is to be done/,
  },
  "pull-closed": { failure: { reason: "pull-closed" }, facts: [], next: /Reopen it, then comment/ },
  "base-not-merged": {
    failure: { reason: "base-not-merged", branch: "main", why: "conflicts" },
    facts: ["main"],
    next: /Merge `main` into it by hand/,
  },
  "branch-moved": {
    failure: { reason: "branch-moved", branch: "agent-pool/issue-1-1f0c2a9b" },
    facts: ["agent-pool/issue-1-1f0c2a9b"],
    next: /Comment `\/agent fix` to have it done from there/,
  },
  "head-moved": {
    failure: { reason: "head-moved", login: "pat" },
    facts: ["pat"],
    next: /Read it, and comment `\/agent ci` again/,
  },
  "route-not-served": {
    failure: { reason: "route-not-served", asked: "light x", served: ["light y"] },
    facts: ["light x", "light y"],
    next: /Ask for one of these, or add it to `tiers`/,
  },
  "too-big": { failure: { reason: "too-big" }, facts: [], next: /Split it .* `\/agent size l`, or `\/agent approve`/ },
  "below-floor": {
    failure: { reason: "below-floor", login: "pat", tier: "frontier", by: "label", named: "security" },
    facts: ["pat", "frontier", "security"],
    next: /Ask for a higher tier, or have an operator set the label/,
  },
  "not-worth-it": {
    failure: {
      reason: "not-worth-it",
      model: "claude-opus-5-5",
      chance: 0.31,
      cost: MicroUsd(2_100_000),
      worth: MicroUsd(2_400_000),
    },
    facts: ["claude-opus-5-5", "$2.10", "31 times", "$2.40"],
    next: /Split the issue, or comment `\/agent approve`/,
  },
  "task-budget-too-small": {
    failure: {
      reason: "task-budget-too-small",
      model: "claude-opus-5-5",
      needed: MicroUsd(1_300_000),
      cap: MicroUsd(500_000),
    },
    facts: ["claude-opus-5-5", "$1.30", "$0.50"],
    next: /Raise that budget .*, or name a cheaper model/,
  },
  "attempts-ended": {
    failure: {
      reason: "attempts-ended",
      stop: "hopeless",
      attempts: 2,
      cost: MicroUsd(482_000),
      worth: MicroUsd(2_400_000),
      next: { model: "claude-opus-5-5", chance: 0.31, cost: MicroUsd(1_900_000) },
    },
    facts: ["2 attempts", "$0.48", "$2.40", "claude-opus-5-5", "31 times", "$1.90"],
    next: /A person decides .* comment `\/agent use claude-opus-5-5`/,
  },
  "base-unreadable": {
    failure: { reason: "base-unreadable", repository: "acme/web" },
    facts: ["acme/web"],
    next: /Push one, then label the issue again/,
  },
  "base-moved": {
    failure: { reason: "base-moved", branch: "main", message: "Forbidden" },
    facts: ["`main`", "Forbidden", "workflow files"],
    next: /Comment `\/agent` to have the change made anew/,
  },
  "never-fits": {
    failure: { reason: "never-fits", why: "too-large" },
    facts: ["any credential's window or budget"],
    next: /Split the issue/,
  },
  "budget-too-small": {
    failure: { reason: "budget-too-small", neededUsd: "$5.00", budgetUsd: "$3.00" },
    facts: ["$5.00", "$3.00"],
    next: /Raise `budget` in the policy, or lower `task\.budget`/,
  },
  "workflow-refused": {
    failure: { reason: "workflow-refused", runner: "acme/runner", workflow: "agent-pool.yml", message: "Not Found" },
    facts: ["acme/runner", "agent-pool.yml", "Not Found"],
    next: /Check that the file is on the default branch/,
  },
  "github-refused": {
    failure: { reason: "github-refused", route: "POST /x", status: 403, message: "Forbidden" },
    facts: ["POST /x", "403", "Forbidden"],
    next: /Check the App's permissions/,
  },
  "edited-since": {
    failure: { reason: "edited-since", login: "ada", by: "mallory" },
    facts: ["ada", "mallory"],
    next: /Read it, then comment `\/agent`/,
  },
  "records-lost": { failure: { reason: "records-lost" }, facts: ["new store"], next: /Comment `\/agent` to have it done anew/ },
  "trial-over": {
    failure: { reason: "trial-over", why: "stopped" },
    facts: ["stopped"],
    next: /Begin another with `agent-pool trial`/,
  },
  "tries-used-up": {
    failure: { reason: "tries-used-up", step: "opening", tries: 12, last: "timeout" },
    facts: ["opening", "12", "timeout"],
    next: /Label the issue again to start over/,
  },
};

describe("failure", () => {
  it.each(Object.entries(FAILURES))("%s names the facts and what to do next", (_reason, { failure, facts, next }) => {
    const text = say(failure);

    expect(facts.filter((fact) => !text.includes(fact))).toEqual([]);
    expect(text).toMatch(next);
    expect(text).toMatch(/\.$/);
  });

  it("nothing-to-follow names nobody where it began by itself, and what to do next", () => {
    expect(say({ reason: "nothing-to-follow", login: null })).toBe(
      "This began by itself because CI had failed, and none of it fails any more, or it runs again. Nothing was done. Comment `/agent fix` to have something done.",
    );
  });

  it("lists every problem of a file on its own line", () => {
    const problem = { path: "a", line: 1, column: 1, found: "`1`", expected: "should be 2" };

    const text = say({ reason: "config-invalid", file: "f.yml", problems: [problem, { ...problem, line: 2 }] });

    expect(text.match(/^- line \d/gm)).toHaveLength(2);
  });

  it.each([
    ["attempts", 1, "The attempt brought nothing", "the policy allows no more (`task.attempts`)"],
    ["budget", 2, "2 attempts, each on another route,", "`task.budget` in the policy doesn't hold another"],
    ["top", 3, "3 attempts, each on another route,", "no other route is open to it"],
  ] as const)("says why no attempt follows: %s", (stop, attempts, tried, why) => {
    const { failure } = FAILURES["attempts-ended"];

    const text = say({ ...failure, stop, attempts, next: null });

    expect(text).toContain(tried);
    expect(text).toContain(why);
    expect(text).toContain("Edit the issue so that it says more precisely what should be different, then comment `/agent`");
    expect(text).not.toContain("/agent use");
  });
});
