import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Run } from "#core/task/provenance.ts";
import { commitMessage, pullRequestBody, pullRequestTitle, type Finished } from "#core/task/pull-request.ts";
import {
  isWorthSaying,
  renderComment,
  withoutProgress,
  type CommentView,
  type LeaseView,
  type TaskView,
} from "#core/task/comment.ts";
import type { JudgedReason } from "#core/task/judge.ts";
import { isTerminal, TASK_STATES } from "#core/task/lifecycle.ts";
import { commentMarker } from "#core/task/markers.ts";
import type { Notice } from "#core/task/notice.ts";
import type { CiChecks } from "#core/task/ci-checks.ts";
import { asksApproval } from "#core/plan/approval.ts";
import type { Plan } from "#core/plan/plan.ts";
import { MAX_CHECK_OUTPUT, NO_USAGE, type Change, type Checks } from "#core/wire/contract.ts";
import { relevantPart } from "#core/wire/failing-log.ts";
import type { Failure } from "#core/wire/failure.ts";
import { TaskId } from "#core/wire/ids.ts";
import { EpochMs, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { checked } from "../kit/outcomes.ts";
import { golden } from "../kit/golden.ts";

/** `UPDATE_GOLDEN=1 npx vitest run test/core/comment.test.ts` writes the files; read them before they are committed. */
const GOLDEN = join(import.meta.dirname, "golden");

const TASK = TaskId("1f0c2a9b-0000-4000-8000-00000000abcd");
const PLAN = makePlanRow({
  sizeReasons: [
    { fact: "small-change-words", words: ["off-by-one", "typo"] },
    { fact: "paths-named", count: 1 },
    { fact: "tasks-listed", count: 2 },
    { fact: "stack-trace" },
  ],
  routeReasons: [
    { fact: "starts-at", size: "s", tier: "light" },
    { fact: "asked-for", what: "effort", value: "high" },
    { fact: "floor", floor: { tier: "light", by: "path", named: "src/billing/`total`.ts" } },
    { fact: "best-value", model: "claude-haiku-5-5", chance: 0.62, cost: MicroUsd(81_000), worth: MicroUsd(2_400_000), of: 3 },
  ],
});
const WIDE_PLAN = makePlanRow({
  size: "l",
  route: {
    tier: "frontier",
    harness: "claude-code",
    provider: "anthropic",
    model: "claude-opus-5-5",
    effort: "high",
    maxTurns: 80,
  },
  sizeReasons: [
    { fact: "label", label: "size/l" },
    { fact: "broad-change-words", words: ["rewrite"] },
    { fact: "nothing-known" },
  ],
});

function lease(overrides: Partial<LeaseView> = {}): LeaseView {
  return {
    attempt: 1,
    route: PLAN.route,
    credential: "platform-api",
    runUrl: null,
    verdict: null,
    why: null,
    movedBy: null,
    checks: null,
    verification: [],
    modelCost: null,
    drawn: null,
    runnerCost: null,
    sandbox: null,
    ...overrides,
  };
}

const RUN = {
  runUrl: "https://github.com/acme/agent-runner/actions/runs/7",
  modelCost: MicroUsd(123_400),
  runnerCost: MicroUsd(12_000),
  sandbox: "srt",
} as const;

const PROGRESS = { phase: "harness", steps: 34, spent: MicroUsd(421_000), billed: true, ms: 380_000 } as const;
const WAITING = { position: 20, until: null, whyNot: { busy: 5 }, of: {} } as const;

const NPM_TEST = { source: "settings", commands: ["npm test"] } as const satisfies Checks;

function view(overrides: Partial<TaskView>, notice: Notice | null = null): CommentView {
  const task = {
    task: TASK,
    state: "queued",
    failure: null,
    waiting: null,
    plan: null,
    leases: [],
    pullRequest: null,
    invited: null,
    ciChecks: null,
    pausedBy: null,
    ending: false,
    reminded: false,
    isFollowUp: false,
    expected: null,
    progress: null,
  } as const;
  return { task: { ...task, ...overrides }, notice };
}

function ended(why: JudgedReason): CommentView {
  return view({
    state: "unsolved",
    plan: PLAN,
    leases: [
      lease({
        ...RUN,
        verdict: ["guards", "below-floor"].includes(why.why) ? "refused" : why.why === "no-change" ? "noChange" : "failed",
        why,
      }),
    ],
  });
}

/** What a follow-up is told, and where it begins. */
const FOLLOWING = makePlanRow({
  ...PLAN,
  base: { branch: "agent-pool/issue-12-1f0c2a9b", commit: "d".repeat(40), tree: "e".repeat(40) },
  commands: { setup: [], verify: ["npm test"] },
  told: {
    words: { login: "ada", text: "the second typo, too" },
    reviews: [{ login: "rea", text: "Nearly." }],
    threads: [
      { id: 1, path: "src/pages.js", line: 4, said: [{ login: "rea", text: "Off by one." }] },
      { id: 2, path: "README.md", line: null, said: [{ login: "rea", text: "Name the limit." }] },
    ],
    more: 0,
    checks: [],
  },
});

function leftToCi(ciChecks: CiChecks, plan = PLAN): CommentView {
  return view({
    state: "solved",
    plan,
    leases: [lease({ ...RUN, route: plan.route, verdict: "solved", checks: { source: "ci", commands: [] } })],
    pullRequest: { number: 13, draft: true },
    ciChecks,
  });
}

/** The end of what Node 24 prints of one assertion that failed. */
const NODE_TEST_OUTPUT = `✖ failing tests:

test at test/pages.test.js:20:1
✖ a page size of 0 is refused (1.2ms)
  AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:

  2 !== 3

      at TestContext.<anonymous> (./test/pages.test.js:22:10)
      at Test.runInAsyncScope (node:async_hooks:214:14)
      at Test.run (node:internal/test_runner/test:1104:25)
      at check (./node_modules/assertive/index.js:4:2)
      at async Test.processPendingSubtests (node:internal/test_runner/test:788:7) {
    generatedMessage: true,
    code: 'ERR_ASSERTION',
    actual: 2,
    expected: 3,
    operator: 'strictEqual',
    diff: 'simple'
  }
`;

const WHYS: Record<JudgedReason["why"], JudgedReason> = {
  blocked: { why: "blocked", reason: "keyMissing", detail: "AGENT_POOL_KEY is empty in the environment platform-api." },
  ending: { why: "ending", ending: "budgetExhausted", detail: "The budget of $5.00 is used up" },
  "no-change": { why: "no-change" },
  "never-ran": { why: "never-ran", conclusion: "failure" },
  "branch-not-protected": { why: "branch-not-protected", branch: "main" },
  "checks-failed": {
    why: "checks-failed",
    failed: [
      { command: "npm test", exitCode: 1, output: "ok 1 a\nnot ok 2 - `last` page @admin\n  expected 3\n\n# fail 1\n" },
      { command: "node --test", exitCode: 1, output: NODE_TEST_OUTPUT },
      { command: "/usr/bin/lint `all`", exitCode: null, output: "" },
      { command: "python3 -m unittest", exitCode: 127, output: "pyenv: No such file or directory\n" },
      { command: "npm run e2e", output: "" },
    ],
  },
  guards: {
    why: "guards",
    violations: [
      { guard: "protected", path: ".github/workflows/ci.yml", pattern: ".github/workflows/**" },
      { guard: "too-many-files", files: 51, max: 50 },
    ],
  },
  "below-floor": { why: "below-floor", floor: { tier: "frontier", by: "path", named: "src/billing/`total`.ts" } },
  "run-ended": { why: "run-ended", conclusion: "startup_failure" },
  silent: { why: "silent" },
  cancelled: { why: "cancelled" },
  "gave-way": { why: "gave-way" },
  deadline: { why: "deadline" },
  unsandboxed: { why: "unsandboxed" },
  "action-too-old": { why: "action-too-old", harness: "codex" },
};

const FAILURES: { readonly [R in Failure["reason"]]: Extract<Failure, { reason: R }> } = {
  "policy-missing": { reason: "policy-missing", repository: "acme/.github", file: ".github/agent-pool.yml" },
  "policy-unreadable": { reason: "policy-unreadable", repository: "acme/.github", file: ".github/agent-pool.yml" },
  "config-invalid": {
    reason: "config-invalid",
    file: "acme/.github: .github/agent-pool.yml",
    problems: [
      {
        path: "budget",
        line: 6,
        column: 1,
        found: "`200`",
        expected: 'should be an amount a day, week or month, like "$200/month"',
      },
      {
        path: "bugdet",
        line: 7,
        column: 1,
        found: "`5`",
        expected: "`bugdet` is not a setting; check its spelling or remove it",
      },
    ],
  },
  "repository-reserved": { reason: "repository-reserved", repository: "acme/agent-runner" },
  "runner-of-another-owner": { reason: "runner-of-another-owner", runner: "evil/agent-runner", owner: "acme" },
  "runner-not-installed": { reason: "runner-not-installed", runner: "acme/agent-runner" },
  "runner-is-public": { reason: "runner-is-public", runner: "acme/agent-runner" },
  "environment-not-locked": {
    reason: "environment-not-locked",
    credential: "platform-api",
    runner: "acme/agent-runner",
    branch: "main",
  },
  "actor-may-not-start": { reason: "actor-may-not-start", login: "passer-by", role: "triage" },
  "actor-in-no-role": { reason: "actor-in-no-role", login: "passer-by" },
  "tier-not-allowed": { reason: "tier-not-allowed", login: "pat", tier: "frontier", allowed: ["light", "standard"] },
  "tasks-used-up": { reason: "tasks-used-up", login: "pat", tasks: 10, opensAt: EpochMs(Date.UTC(2026, 2, 2)) },
  "task-under-way": { reason: "task-under-way", login: "passer-by" },
  "no-task": { reason: "no-task", login: "pat", asked: "/agent cancel" },
  "task-late": { reason: "task-late", login: "pat" },
  "pull-open": { reason: "pull-open", login: "pat", pull: 13 },
  "operators-decide": { reason: "operators-decide", login: "pat", asked: "/agent approve" },
  "approval-of-another": { reason: "approval-of-another", login: "pat" },
  "not-approved": { reason: "not-approved", days: 14 },
  cancelled: { reason: "cancelled", why: "closed", login: "pat" },
  "seat-not-yours": {
    reason: "seat-not-yours",
    seat: "ada-max",
    login: "bob",
    repository: "acme/.github",
    file: ".github/agent-pool.yml",
  },
  "nothing-lent": { reason: "nothing-lent", seat: "ada-max", login: "bob" },
  "lender-unverified": { reason: "lender-unverified", login: "ada" },
  "command-unknown": { reason: "command-unknown", word: "turbo", valid: "`light`, `standard`, `frontier`" },
  "agent-unknown": { reason: "agent-unknown", label: "agent:dcos", labels: ["agent:docs", "agent:tests"] },
  "agents-several": { reason: "agents-several", agents: ["docs", "tests"] },
  "instructions-unreadable": {
    reason: "instructions-unreadable",
    agent: "docs",
    repository: "acme/web",
    file: ".github/agents/docs.md",
    why: "missing",
  },
  "agent-not-served": { reason: "agent-not-served", agent: "docs", tiers: ["light"], open: ["standard", "frontier"] },
  "command-elsewhere": { reason: "command-elsewhere", asked: "/agent plan", on: "issue", number: 12 },
  "ci-needs-write": { reason: "ci-needs-write", login: "pat", role: "triage" },
  "ci-not-held": { reason: "ci-not-held", login: "pat" },
  "follow-up-under-way": { reason: "follow-up-under-way", login: "pat" },
  "follow-ups-used-up": { reason: "follow-ups-used-up", bound: "head", most: 1 },
  "nothing-to-follow": { reason: "nothing-to-follow", login: "pat" },
  "pull-closed": { reason: "pull-closed" },
  "base-not-merged": { reason: "base-not-merged", branch: "main", why: "workflows" },
  "branch-moved": { reason: "branch-moved", branch: "agent-pool/issue-1-1f0c2a9b" },
  "head-moved": { reason: "head-moved", login: "pat" },
  "route-not-served": {
    reason: "route-not-served",
    asked: "light claude-opus-5-5",
    served: ["light claude-code claude-haiku-5-5"],
  },
  "too-big": { reason: "too-big" },
  "edited-lately": { reason: "edited-lately", login: "maintainer", editor: "pat" },
  "approval-of-an-operator": { reason: "approval-of-an-operator", login: "pat" },
  "below-floor": { reason: "below-floor", login: "pat", tier: "frontier", by: "path", named: "src/billing/total.ts" },
  "not-worth-it": {
    reason: "not-worth-it",
    model: "claude-opus-5-5",
    chance: 0.31,
    cost: MicroUsd(2_100_000),
    worth: MicroUsd(2_400_000),
  },
  "task-budget-too-small": {
    reason: "task-budget-too-small",
    model: "claude-opus-5-5",
    needed: MicroUsd(1_300_000),
    cap: MicroUsd(500_000),
  },
  "attempts-ended": {
    reason: "attempts-ended",
    stop: "hopeless",
    attempts: 2,
    cost: MicroUsd(482_000),
    worth: MicroUsd(2_400_000),
    next: { model: "claude-opus-5-5", chance: 0.31, cost: MicroUsd(1_900_000) },
  },
  "base-unreadable": { reason: "base-unreadable", repository: "acme/web" },
  "base-moved": { reason: "base-moved", branch: "main", message: "Resource not accessible by integration" },
  "budget-too-small": { reason: "budget-too-small", neededUsd: "$5.00", budgetUsd: "$3.00" },
  "never-fits": { reason: "never-fits", why: "nobody-serves" },
  "workflow-refused": {
    reason: "workflow-refused",
    runner: "acme/agent-runner",
    workflow: "agent-pool.yml",
    message: "Not Found",
  },
  "github-refused": {
    reason: "github-refused",
    route: "POST /repos/{owner}/{repo}/pulls",
    status: 422,
    message: "Validation Failed",
  },
  "edited-since": { reason: "edited-since", login: "ada", by: "mallory" },
  "records-lost": { reason: "records-lost" },
  "trial-over": { reason: "trial-over", why: "budget" },
  "tries-used-up": { reason: "tries-used-up", step: "opening", tries: 12, last: "github-unavailable" },
};

const ON_STANDBY = makePlanRow({ ...PLAN, asker: { ...PLAN.asker, standby: true } });

const WENT_ON = makePlanRow({
  ...PLAN,
  route: { ...PLAN.route, tier: "standard", model: "claude-sonnet-5-5" },
  routeReasons: [
    ...PLAN.routeReasons,
    {
      fact: "escalated",
      attempt: 2,
      tier: "standard",
      model: "claude-sonnet-5-5",
      chance: 0.41,
      cost: MicroUsd(310_000),
    },
  ],
  budget: MicroUsd(2_438_300),
  commands: { setup: [], verify: ["npm test"] },
});
const FAILED_RUN = lease({
  ...RUN,
  verdict: "failed",
  why: { why: "checks-failed", failed: [{ command: "npm test", exitCode: 1, output: "not ok 2 - `last` page @admin\n" }] },
  checks: NPM_TEST,
  verification: [checked("npm test", { exitCode: 1 })],
});

const COMMENTS: Readonly<Record<string, CommentView>> = {
  planning: view({ state: "planning" }),
  queued: view({ plan: PLAN }),
  dispatching: view({ state: "dispatching", plan: WIDE_PLAN, leases: [lease({ route: WIDE_PLAN.route })] }),
  "dispatching-a-specialist": view({
    state: "dispatching",
    plan: {
      ...WIDE_PLAN,
      agent: { name: "docs", label: "agent:docs", instructions: { path: ".github/agents/docs.md", text: "Write plainly." } },
      routeReasons: [{ fact: "agent", agent: "docs", tiers: ["light", "frontier"], harness: "codex" }, ...WIDE_PLAN.routeReasons],
    },
    leases: [lease({ route: WIDE_PLAN.route })],
  }),
  "unsolved-outside-paths": view({
    state: "unsolved",
    plan: { ...PLAN, agent: { name: "docs", label: "agent:docs", instructions: null } },
    leases: [
      lease({
        ...RUN,
        verdict: "refused",
        why: { why: "guards", violations: [{ guard: "outside", path: "src/pages.js", agent: "docs" }] },
      }),
    ],
  }),
  "unsolved-action-knows-no-specialists": view({
    state: "unsolved",
    plan: { ...PLAN, agent: { name: "docs", label: "agent:docs", instructions: null } },
    leases: [lease({ verdict: "failed", why: { why: "action-too-old", harness: "claude-code", lacks: "agents" } })],
  }),
  "solved-by-a-specialist-and-left-to-ci": view({
    state: "solved",
    plan: {
      ...PLAN,
      agent: { name: "docs", label: "agent:docs", instructions: null },
      commands: { setup: [], verify: { of: "ci", also: ["npm run links"] } },
    },
    leases: [
      lease({ ...RUN, verdict: "solved", checks: { source: "ci", commands: [] }, verification: [checked("npm run links")] }),
    ],
    pullRequest: { number: 13, draft: true },
  }),
  solved: view({
    state: "solved",
    plan: checking("npm test"),
    leases: [lease({ ...RUN, verdict: "solved", checks: NPM_TEST, verification: [checked("npm test")] })],
    pullRequest: { number: 13, draft: true },
  }),
  "solved-by-detected-checks": view({
    state: "solved",
    plan: { ...PLAN, commands: { setup: [], verify: "detect" } },
    leases: [
      lease({
        ...RUN,
        verdict: "solved",
        checks: { source: "detected", commands: ["npm test", "go test ./...", "pytest"] },
        verification: [
          checked("npm test", { flaky: true, output: "1 failed" }),
          checked("go test ./...", { exitCode: 1, before: "failed", output: "--- FAIL: TestOld" }),
          checked("pytest"),
        ],
      }),
    ],
    pullRequest: { number: 13, draft: true },
  }),
  "solved-without-checks": view({
    state: "solved",
    plan: { ...PLAN, commands: { setup: [], verify: "detect" } },
    leases: [lease({ ...RUN, verdict: "solved", checks: { source: "ci", commands: [] } })],
    pullRequest: { number: 13, draft: true },
  }),
  "solved-and-left-to-ci": view({
    state: "solved",
    plan: PLAN,
    leases: [lease({ ...RUN, verdict: "solved", checks: { source: "ci", commands: [] } })],
    pullRequest: { number: 13, draft: true },
  }),
  "solved-and-passed-by-ci": leftToCi({ passed: 3, skipped: 1, failed: [] }),
  "solved-and-failed-by-ci": leftToCi({
    passed: 2,
    skipped: 0,
    failed: [
      { name: "build (`linux`, <b>x64</b>) @admin", conclusion: "failure" },
      { name: "e2e", conclusion: "timed_out" },
      { name: "![x](https://evil.example) [skip ci]", conclusion: "action_required" },
      ...Array.from({ length: 9 }, (_, at) => ({ name: `shard ${String(at)}`, conclusion: "cancelled" })),
    ],
  }),
  "solved-and-skipped-by-ci": leftToCi({ passed: 0, skipped: 2, failed: [] }),
  "solved-at-the-frontier-and-failed-by-ci": leftToCi(
    { passed: 0, skipped: 0, failed: [{ name: "test", conclusion: "failure" }] },
    WIDE_PLAN,
  ),
  "solved-without-drafts": view({
    state: "solved",
    plan: PLAN,
    leases: [lease({ ...RUN, verdict: "solved" })],
    pullRequest: { number: 13, draft: false },
  }),
  "solved-with-reviewers": view({
    state: "solved",
    plan: PLAN,
    leases: [lease({ ...RUN, verdict: "solved" })],
    pullRequest: { number: 13, draft: true },
    invited: { asked: ["rea", "acme/web"], leftOut: ["@gone` <!-- x"] },
  }),
  "solved-in-the-demo": view({
    state: "solved",
    plan: { ...PLAN, draft: false },
    leases: [lease({ ...RUN, verdict: "solved", sandbox: "none" })],
    pullRequest: { number: 13, draft: false },
  }),
  running: view({ state: "running", plan: PLAN, leases: [lease({ runUrl: RUN.runUrl })], progress: PROGRESS }),
  "running-on-a-seat": view({
    state: "running",
    plan: PLAN,
    leases: [lease({ runUrl: RUN.runUrl, credential: "ada-max" })],
    progress: { ...PROGRESS, phase: "setup", steps: 1, billed: false, ms: 59_000 },
  }),
  "waiting-for-a-known-time": view({
    state: "queued",
    plan: PLAN,
    waiting: WAITING,
    expected: { from: EpochMs(Date.UTC(2026, 10, 30, 12, 28)), to: EpochMs(Date.UTC(2026, 10, 30, 12, 52)), of: 48 },
  }),
  "dispatching-by-default": view({ state: "dispatching", plan: { ...PLAN, isDefaultBudget: true }, leases: [lease()] }),
  "dispatching-again": view({ state: "dispatching", plan: PLAN, leases: [lease(), lease({ credential: "second-key" })] }),
  "asked-again": view({ state: "dispatching", plan: PLAN, leases: [lease()] }, { reason: "task-under-way", login: "passer-by" }),
  "solved-on-a-seat": view({
    state: "solved",
    plan: PLAN,
    leases: [
      lease({
        ...RUN,
        credential: "ada-max",
        verdict: "solved",
        modelCost: MicroUsd(0),
        drawn: { listed: MicroUsd(123_400), ofFiveHours: 0.012 },
      }),
    ],
    pullRequest: { number: 13, draft: true },
  }),
  "seat-lent": { task: null, notice: { answer: "seat-lent", seat: "ada-max", login: "ada", inPolicy: true } },
  "seat-lent-before-the-policy-says-so": {
    task: null,
    notice: { answer: "seat-lent", seat: "ada-max", login: "ada", inPolicy: false },
  },
  "seat-taken-back": view(
    { state: "dispatching", plan: PLAN, leases: [lease()] },
    { answer: "seat-taken-back", seat: "ada-max", login: "ada" },
  ),
  moved: view({
    state: "dispatching",
    plan: PLAN,
    leases: [lease({ ...RUN, movedBy: "quotaExhausted" }), lease({ credential: "second-key" })],
  }),
  escalated: view({
    state: "dispatching",
    plan: WENT_ON,
    leases: [FAILED_RUN, lease({ attempt: 2, route: WENT_ON.route })],
  }),
  "escalated-and-waiting": view({
    state: "queued",
    plan: WENT_ON,
    waiting: { position: 2, until: null, whyNot: { busy: 1 }, of: {} },
    leases: [FAILED_RUN],
  }),
  "escalated-and-moved": view({
    state: "dispatching",
    plan: WENT_ON,
    leases: [
      FAILED_RUN,
      lease({ ...RUN, attempt: 2, route: WENT_ON.route, movedBy: "quotaExhausted" }),
      lease({ attempt: 2, route: WENT_ON.route, credential: "second-key" }),
    ],
  }),
  "escalated-and-refused": view({
    state: "refused",
    plan: WENT_ON,
    failure: { reason: "never-fits", why: "nobody-serves" },
    leases: [FAILED_RUN],
  }),
  "solved-by-the-second-attempt": view({
    state: "solved",
    plan: WENT_ON,
    leases: [
      FAILED_RUN,
      lease({
        ...RUN,
        attempt: 2,
        route: WENT_ON.route,
        verdict: "solved",
        checks: NPM_TEST,
        verification: [checked("npm test")],
      }),
    ],
    pullRequest: { number: 13, draft: true },
  }),
  "unsolved-after-two-attempts": view({
    state: "unsolved",
    plan: WENT_ON,
    failure: FAILURES["attempts-ended"],
    leases: [FAILED_RUN, lease({ ...RUN, attempt: 2, route: WENT_ON.route, verdict: "failed", why: WHYS.ending })],
  }),
  "refused-too-big-with-parts": view({
    state: "refused",
    failure: { reason: "too-big", parts: ["page through the customers", "export all pages"] },
  }),
  "refused-too-large": view({ state: "refused", failure: { reason: "never-fits", why: "too-large" } }),
  "asking-reminded": view({ state: "asking", failure: FAILURES["too-big"], reminded: true }),
  "on-standby": view({
    state: "queued",
    plan: ON_STANDBY,
    waiting: {
      position: 3,
      until: EpochMs(Date.UTC(2026, 10, 24, 17, 30)),
      whyNot: { "nothing-expires": 2, busy: 1, "paid-by-use": 1 },
      of: { "nothing-expires": "five-hour" },
    },
  }),
  "on-standby-and-gave-way": view({
    state: "queued",
    plan: ON_STANDBY,
    leases: [lease({ ...RUN, movedBy: "gave-way" })],
    waiting: { position: 1, until: null, whyNot: { "others-first": 2 }, of: {} },
  }),
  "queued-while-paused": view({ state: "queued", plan: PLAN, pausedBy: "ada" }),
  "answer-planned": { task: null, notice: { answer: "planned", login: "pat", plan: PLAN } },
  "answer-why": {
    task: null,
    notice: { answer: "why", login: "pat", facts: ["`platform-api` at 2026-03-02 00:00 UTC: the only one that could serve"] },
  },
  "answer-help": { task: null, notice: { answer: "help" } },
  "answer-paused": { task: null, notice: { answer: "paused", login: "ada" } },
  "answer-resumed": { task: null, notice: { answer: "resumed", login: "ada" } },
  "answer-ci-started": { task: null, notice: { answer: "ci-started", login: "ada" } },
  "answer-ci-elsewhere": { task: null, notice: { ...FAILURES["command-elsewhere"], asked: "/agent ci", on: "pull", number: 13 } },
  "running-a-follow-up": view({ state: "running", plan: FOLLOWING, leases: [lease({ runUrl: RUN.runUrl })], isFollowUp: true }),
  "solved-by-a-follow-up": view({
    state: "solved",
    plan: FOLLOWING,
    leases: [lease({ ...RUN, verdict: "solved", checks: NPM_TEST, verification: [checked("npm test")] })],
    pullRequest: { number: 13, draft: false },
    isFollowUp: true,
  }),
  "running-a-follow-up-on-a-merge": view({
    state: "running",
    plan: { ...FOLLOWING, baseUpdate: { branch: "main", merge: "d".repeat(40) } },
    leases: [lease({ runUrl: RUN.runUrl })],
    isFollowUp: true,
  }),
  "running-a-follow-up-without-its-base": view({
    state: "running",
    plan: { ...FOLLOWING, baseUpdate: FAILURES["base-not-merged"] },
    leases: [lease({ runUrl: RUN.runUrl })],
    isFollowUp: true,
  }),
  "unsolved-follow-up": {
    ...ended({ why: "no-change" }),
    task: { ...ended({ why: "no-change" }).task!, isFollowUp: true },
  },
  "stuck-follow-up": view({ state: "stuck", plan: FOLLOWING, failure: FAILURES["branch-moved"], isFollowUp: true }),
  "answer-nearest": {
    task: null,
    notice: { ...FAILURES["command-unknown"], word: "frontire", nearest: "/agent use frontier" },
  },
  outsider: { task: null, notice: FAILURES["actor-may-not-start"] },
  stuck: view({ state: "stuck", plan: PLAN, failure: FAILURES["tries-used-up"], leases: [lease(RUN)] }),
  ...Object.fromEntries(Object.values(WHYS).map((why) => [`unsolved-${why.why}`, ended(why)])),
  ...Object.fromEntries(
    Object.values(FAILURES).map((failure) => {
      const state = asksApproval(failure) ? "asking" : failure.reason === "cancelled" ? "cancelled" : "refused";
      return [`${state === "cancelled" ? "" : `${state}-`}${failure.reason}`, view({ state, failure })];
    }),
  ),
};

function finished(overrides: Partial<Finished> = {}): Finished {
  return {
    brief: makeBrief(12),
    plan: checking("npm test"),
    runs: [ran()],
    finalMessage: "I moved the bound of the loop and added a test.\n\n```js\nfor (let i = 0; i <= last; i++) {}\n```",
    checks: NPM_TEST,
    verification: [checked("npm test")],
    changes: [write("src/loop.ts")],
    isDraftless: false,
    ...overrides,
  };
}

function ran(overrides: Partial<Run> = {}): Run {
  return {
    attempt: 1,
    route: PLAN.route,
    credential: "platform-api",
    usage: { ...NO_USAGE, inputTokens: 12_300, cacheWriteTokens: 4_100, cacheReadTokens: 1_234_567, outputTokens: 2_050 },
    ms: 3 * MINUTE_MS + 1,
    cost: { model: MicroUsd(123_400), runner: MicroUsd(24_000) },
    drawn: null,
    ...overrides,
  };
}

function write(path: string): Change {
  return { status: "modified", path, mode: "100644", blob: "", content: "" };
}

function checking(...verify: readonly string[]): Plan {
  return { ...PLAN, commands: { setup: [], verify } };
}

const PULLS: Readonly<Record<string, Finished>> = {
  "pull-request": finished(),
  "pull-request-on-a-seat": finished({
    runs: [
      ran({
        credential: "ada-max",
        cost: { model: MicroUsd(0), runner: MicroUsd(24_000) },
        drawn: { listed: MicroUsd(123_400), ofFiveHours: 0.012 },
      }),
    ],
  }),
  "pull-request-of-a-second-attempt": finished({
    plan: WENT_ON,
    runs: [
      ran({ usage: null, ms: null }),
      ran({ credential: "platform-spare" }),
      ran({ attempt: 2, route: { ...WENT_ON.route, effort: "high" } }),
    ],
  }),
  "pull-request-without-checks": finished({
    plan: { ...PLAN, commands: { setup: [], verify: "detect" } },
    checks: { source: "ci", commands: [] },
    verification: [],
    finalMessage: null,
  }),
  "pull-request-left-to-ci": finished({ plan: PLAN, checks: { source: "ci", commands: [] }, verification: [] }),
  "pull-request-with-detected-checks": finished({
    plan: { ...PLAN, commands: { setup: [], verify: "detect" } },
    checks: { source: "detected", commands: ["npm test", "go test ./...", "pytest"] },
    verification: [
      checked("npm test", { flaky: true, output: "1 failed" }),
      checked("go test ./...", { exitCode: 1, before: "failed", output: "--- FAIL: TestOld" }),
      checked("pytest"),
    ],
  }),
  "pull-request-of-a-specialist": finished({
    plan: { ...PLAN, agent: { name: "docs", label: "agent:docs", instructions: null } },
  }),
  "pull-request-whose-ci-waits": finished({ plan: { ...checking("npm test"), ci: "approved" } }),
  "pull-request-that-ci-executes": finished({
    plan: { ...checking("npm test"), ci: "approved" },
    changes: [write("src/loop.ts"), write("package.json"), write("package-lock.json"), write("ci/@admin `x`.sh")],
  }),
  "pull-request-without-drafts": finished({ isDraftless: true }),
  "pull-request-that-asks-a-person": finished({
    plan: { ...checking("npm test"), guards: { ...PLAN.guards, asking: ["migrations/**", "*.sql"] } },
    changes: [write("src/loop.ts"), write("migrations/1.ts"), write("Db/`Seed`.SQL")],
  }),
  "pull-request-with-a-killed-check": finished({
    plan: checking("npm test", "npm run `lint`", "/usr/bin/true"),
    verification: [checked("npm test", { exitCode: null }), checked("npm run `lint`", { exitCode: 2 })],
  }),
};

const goldenOf = (name: string, text: string): string => golden(join(GOLDEN, `${name}.md`), text);

describe("comment", () => {
  it.each(Object.entries(COMMENTS))("%s reads as its golden file", (name, shown) => {
    const text = renderComment(shown);

    expect(text).toBe(goldenOf(`comment-${name}`, text));
  });

  it.each(TASK_STATES)("has a headline for %s, below its marker", (state) => {
    const text = renderComment(view({ state, pullRequest: { number: 1, draft: true } }));

    expect(text).toMatch(new RegExp(String.raw`^${commentMarker(TASK, !isTerminal(state))}\n\n\*\*agent-pool\*\* · [a-z].+\n`));
  });

  it.each([
    ["vitest", "the last page counts", "expected 3 to be 4"],
    ["jest", "the last page counts", "Received: 3"],
    ["node", "the last page counts", "3 !== 4"],
    ["pytest", "test_the_last_page_counts", "assert 3 == 4"],
    ["go", "TestNoItems", "integer divide by zero"],
    ["cargo", "tests::the_last_page_counts", "left: 3"],
  ])("names a test that failed, and why, of what the job keeps of %s's output", (runner, name, why) => {
    const log = readFileSync(join(import.meta.dirname, `../fixtures/failing-logs/${runner}.txt`), "utf8");
    const output = relevantPart(log, MAX_CHECK_OUTPUT);

    const text = renderComment(ended({ why: "checks-failed", failed: [{ command: "test", exitCode: 1, output }] }));

    const lines = text.split("\n").filter((line) => line.startsWith("  > "));
    expect(lines.length).toBeLessThanOrEqual(8);
    expect(lines.join("\n")).toContain(name);
    expect(lines.join("\n")).toContain(why);
  });

  it("tells at once that it starts, that it is at work, and how it ended", () => {
    const states = TASK_STATES.filter(isWorthSaying);

    expect(states).toEqual(["asking", "dispatching", "running", "solved", "unsolved", "refused", "stuck", "cancelled"]);
  });

  it.each<[string, Partial<TaskView>, Partial<TaskView>]>([
    ["further on", { state: "running", progress: PROGRESS }, { state: "running", progress: { ...PROGRESS, steps: 99 } }],
    ["further up the queue", { waiting: WAITING }, { waiting: { ...WAITING, position: 1 } }],
  ])("tells nothing new where a task is only %s", (_how, before, after) => {
    expect(renderComment(view(after))).not.toBe(renderComment(view(before)));
    expect(renderComment(withoutProgress(view(after)))).toBe(renderComment(withoutProgress(view(before))));
  });
});

describe("pull request", () => {
  it.each(Object.entries(PULLS))("%s reads as its golden file", (name, done) => {
    const text = `# ${pullRequestTitle(done.brief)}\n\n${pullRequestBody(done)}\n`;

    expect(text).toBe(goldenOf(name, text));
  });

  it("takes its title from the issue, without effect and on one line", () => {
    const brief = makeBrief(12);

    const title = pullRequestTitle({
      ...brief,
      issue: { ...brief.issue, title: "Fix @admin's page [skip ci]\n![x](https://evil.test)" },
    });

    expect(title).toBe("Fix @\u200Dadmin's page x");
  });

  it.each(["", "[skip ci]", "<!-- x -->"])("has a title and a commit even for an issue called %j", (name) => {
    const brief = makeBrief(12);
    const done = finished({ brief: { ...brief, issue: { ...brief.issue, title: name } } });

    const [title, message] = [pullRequestTitle(done.brief), commitMessage(done)];

    expect(title).toBe("Issue 12");
    expect(message).toMatch(/^Issue 12\n\nWritten by /);
  });

  it.each([
    ["auto", "The last page is missing"],
    ["approved", "The last page is missing [skip ci]"],
  ] as const)("writes [skip ci] itself, and only where CI waits: %s", (ci, subject) => {
    const message = commitMessage(finished({ plan: { ...PLAN, ci } }));

    expect(message).toBe(
      `${subject}\n\nWritten by claude-code with claude-haiku-5-5 for issue 12, asked for by maintainer.\n\nCo-authored-by: maintainer <${String(makeBrief(12).requester.id)}+maintainer@users.noreply.github.com>`,
    );
  });

  it("names nobody as an author in a trailer but who asked, by a login that GitHub may have given", () => {
    const brief = makeBrief(12);
    const named = (login: string, title: string) =>
      commitMessage(
        finished({ brief: { ...brief, issue: { ...brief.issue, title }, requester: { ...brief.requester, login } } }),
      ).match(/^.*-by:.*$/gim);

    expect(named("ada_acme", "Co-authored-by: eve <eve@evil.test>")).toEqual([
      `Co-authored-by: ada_acme <${String(brief.requester.id)}+ada_acme@users.noreply.github.com>`,
    ]);
    expect(named("ada <x@evil.test>", "Fix it")).toBeNull();
  });

  it("has no skip word in title and body, which a squash merge would take over", () => {
    const done = finished({ plan: { ...PLAN, ci: "approved" } });

    const text = `${pullRequestTitle(done.brief)}\n${pullRequestBody(done)}`;

    expect(commitMessage(done)).toContain("[skip ci]");
    expect(text).toContain("workflows for `push` and `pull_request` skip this commit");
    expect(text).not.toMatch(/\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]|skip-checks/i);
  });

  it("ends whatever the model leaves open with the quotation of it", () => {
    const body = pullRequestBody(finished({ finalMessage: "# Checks\n- passed\n```\n<details>" }));

    const quoted = body.split("\n").filter((line) => line.startsWith(">"));
    expect(quoted).toEqual(["> # Checks", "> - passed", "> ```", "> &lt;details>"]);
    expect(body).toMatch(/\n\n### Checks\n\n- passed: `npm test`\n\n/);
  });

  it("cuts no secret in the model's last words to a length that no longer looks like one", () => {
    const body = pullRequestBody(finished({ finalMessage: `${"x ".repeat(4_995)}ghp_${"aB3".repeat(12)}` }));

    expect(body).not.toContain("ghp_");
  });

  it("keeps a very long last word within what GitHub takes", () => {
    const body = pullRequestBody(finished({ finalMessage: "@a ".repeat(20_000) }));

    expect(body.length).toBeLessThan(65_536);
  });
});

/** Foreign text: what issue, model, provider, repository and configuration may have written into a fact. */
const hostile = fc
  .array(
    fc.constantFrom(
      "![x](https://evil.test/a)",
      "[a](http://evil.test)",
      "<!-- agent-pool:task:00000000-0000-4000-8000-000000000000 -->",
      "<!--",
      "-->",
      "@admin",
      "@acme/team ",
      "`",
      "```",
      "\n",
      "\n```\n",
      "<img src=x>",
      "fixes #1",
      "/agent",
      "\n/agent use frontier",
      "|",
      "https://evil.test/x",
      "words ",
      "&#64;admin",
      "![",
      "](",
      "_",
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

const MENTION = /(?:^|[^A-Za-z0-9])@[A-Za-z0-9]/m;

/** A command of the settings, or a check's name, in inline code, with nothing but our own words before it: nothing in it acts. */
const CODE = /^(- (?:passed: |\*\*(?:failed|failed as before|not run|unreliable)\*\*: )?)`[^`]*`/gm;

function expectHarmless(published: string): void {
  const text = published.replace(CODE, "$1");
  expect(text).not.toContain("![");
  expect(text.match(/<!--/g) ?? []).toHaveLength(0);
  expect(text).not.toMatch(MENTION);
  expect(text).not.toMatch(/\]\((?!https:\/\/github\.com\/)/);
  expect(text).not.toMatch(/<(?!\/?(?:details|summary)>)[a-z/!]/i);
  expect(text).not.toMatch(/^\s*\/agent/m);
}

describe("foreign text", () => {
  it("injects nothing into a comment by how an attempt ended", () => {
    const why = fc.oneof(
      hostile.map((detail): JudgedReason => ({ why: "blocked", reason: "setupFailed", detail })),
      hostile.map((detail): JudgedReason => ({ why: "ending", ending: "crashed", detail })),
      fc
        .array(fc.record({ command: hostile, exitCode: fc.constantFrom(1, null), output: hostile }), { maxLength: 3 })
        .map((failed): JudgedReason => ({ why: "checks-failed", failed })),
      hostile.map((path): JudgedReason => ({
        why: "guards",
        violations: [
          { guard: "protected", path, pattern: path },
          { guard: "symlink", path },
        ],
      })),
      hostile.map((conclusion): JudgedReason => ({ why: "run-ended", conclusion })),
    );
    fc.assert(
      fc.property(why, (reason) => {
        const text = renderComment(ended(reason));

        const [marker, ...rest] = text.split("\n");
        expect(marker).toBe(commentMarker(TASK));
        expectHarmless(rest.join("\n"));
        expect(text).toContain("<details><summary>Why this size and route</summary>");
      }),
      { numRuns: 1_000 },
    );
  });

  it("injects nothing into a comment by the names of CI's checks", () => {
    const failed = fc.array(fc.record({ name: hostile, conclusion: hostile }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(failed, (checks) => {
        const text = renderComment(leftToCi({ passed: 1, skipped: 0, failed: checks }));

        const [marker, ...rest] = text.split("\n");
        expect(marker).toBe(commentMarker(TASK));
        expectHarmless(rest.join("\n"));
        expect(text).toContain("<details><summary>Why this size and route</summary>");
      }),
      { numRuns: 1_000 },
    );
  });

  it("injects nothing into a comment by why the work was refused", () => {
    const failure = fc.oneof(
      fc.tuple(hostile, hostile).map(([path, found]): Failure => ({
        reason: "config-invalid",
        file: "f.yml",
        problems: [{ path, line: 1, column: 1, found: `\`${JSON.stringify(found)}\``, expected: `\`${path}\` is not a setting` }],
      })),
      hostile.map((message): Failure => ({ reason: "github-refused", route: "POST /x", status: 422, message })),
      hostile.map((message): Failure => ({
        reason: "workflow-refused",
        runner: "acme/runner",
        workflow: "agent-pool.yml",
        message,
      })),
      hostile.map((word): Failure => ({ reason: "command-unknown", word, valid: "`light`" })),
      hostile.map((last): Failure => ({ reason: "tries-used-up", step: "opening", tries: 3, last })),
      hostile.map((login): Failure => ({ reason: "actor-may-not-start", login, role: login })),
      hostile.map((part): Failure => ({ reason: "too-big", parts: [part, part] })),
      hostile.map((asked): Failure => ({ reason: "route-not-served", asked, served: [asked] })),
      hostile.map((label): Failure => ({ reason: "agent-unknown", label: `agent:${label}`, labels: ["agent:docs"] })),
    );
    fc.assert(
      fc.property(failure, (reason) => {
        const text = renderComment(view({ state: "refused", failure: reason }));

        expectHarmless(text.split("\n").slice(1).join("\n"));
        expect(text).not.toMatch(/^[ >]*(?:```|~~~)/m);
      }),
      { numRuns: 1_000 },
    );
  });

  it("injects nothing into a pull request by title, last words or commands", () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, (title, finalMessage, command) => {
        const brief = makeBrief(12);
        const done = finished({
          brief: { ...brief, issue: { ...brief.issue, title } },
          plan: checking(command),
          finalMessage,
          verification: [checked(command, { exitCode: 1 })],
        });

        const body = pullRequestBody(done);

        expectHarmless(pullRequestTitle(done.brief));
        expectHarmless(body.replace("Asked for by maintainer.", ""));
        expect(body.replace(CODE, "$1").match(/\b(?:closes|fixes) #\d+/gi)).toEqual(["Closes #12"]);
        expect(body.split("\n").filter((line) => /^ {0,3}(?:```|~~~)/.test(line))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("golden files", () => {
  it("are all compared with something", () => {
    const files = readdirSync(GOLDEN).toSorted();

    const expected = [
      ...Object.keys(COMMENTS).map((name) => `comment-${name}.md`),
      ...Object.keys(PULLS).map((name) => `${name}.md`),
    ].toSorted();
    expect(files).toEqual(expected);
  });
});
