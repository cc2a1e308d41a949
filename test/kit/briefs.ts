import { ActorId, InstallationId, OwnerId, RepositoryId } from "#core/wire/ids.ts";
import { MicroUsd } from "#core/wire/units.ts";
import { Policy } from "#core/config/policy.ts";
import { NO_CHECKS } from "#core/plan/belief.ts";
import type { Plan } from "#core/plan/plan.ts";
import type { Brief } from "#core/request/brief.ts";
import type { CurrentPolicy, Settlement } from "#ports/store.ts";

export function makeBrief(issue = 1, overrides: Partial<Brief> = {}): Brief {
  return {
    installation: InstallationId(5),
    owner: { id: OwnerId(10), login: "acme" },
    repository: { id: RepositoryId(20), name: "web", private: true },
    issue: { number: issue, title: "The last page is missing", body: "Pages are cut off.", labels: ["agent"] },
    author: { id: ActorId(30), login: "maintainer" },
    requester: { id: ActorId(30), login: "maintainer" },
    comment: null,
    ...overrides,
  };
}

export function makePolicy(credentials: readonly string[] = ["platform-api"], budget = "$200/month"): CurrentPolicy {
  const policy = Policy.parse({
    version: 1,
    pool: credentials.map((name) => ({ name, provider: "anthropic" })),
    runner: "acme/agent-runner",
    budget,
  });
  return { policy, commit: "c".repeat(40) };
}

/** What a report settles, for a test that asks for something else. */
export const SETTLED: Settlement = { entries: [], fault: null, isTypical: false };

/** What a report settles of a billed lease: so much for the model, so much for its runner. */
export function settlementOf(model: number, runner: number, overrides: Partial<Settlement> = {}): Settlement {
  const entry = (kind: "model" | "runner", amount: number) => ({
    kind,
    amount: MicroUsd(amount),
    listed: MicroUsd(amount),
    detail: {},
  });
  return { ...SETTLED, entries: [entry("model", model), entry("runner", runner)], ...overrides };
}

export function makePlanRow(overrides: Partial<Plan> = {}): Plan {
  return {
    size: "s",
    confidence: 0.5,
    sizeReasons: [{ fact: "nothing-known" }],
    route: {
      tier: "light",
      harness: "claude-code",
      provider: "anthropic",
      model: "claude-haiku-5-5",
      effort: null,
      maxTurns: 40,
    },
    routeReasons: [],
    chance: 0.6,
    expected: 0.7,
    budget: MicroUsd(5_000_000),
    ladder: { options: [], checking: NO_CHECKS, worth: MicroUsd(2_000_000), attempts: 1, budget: MicroUsd(5_000_000) },
    isDefaultBudget: false,
    price: { input: 500_000, output: 2_500_000, cacheRead: 50_000, cacheWrite: 625_000, cacheWrite1h: 1_000_000 },
    base: { branch: "main", commit: "a".repeat(40), tree: "b".repeat(40) },
    runner: { repository: "acme/agent-runner", workflow: "agent-pool.yml", minute: MicroUsd(6_000) },
    policyCommit: "c".repeat(40),
    asker: {
      team: "everyone",
      person: ActorId(30),
      login: "maintainer",
      urgent: false,
      repository: { id: RepositoryId(20), name: "web" },
    },
    moves: 3,
    commands: { setup: [], verify: "ci" },
    repairs: 2,
    guards: { maxFiles: 50, maxBytes: 512_000, protected: [] },
    draft: true,
    ci: "auto",
    ...overrides,
  };
}
