import type { CredentialState, PoolSnapshot, QueuedTask } from "#core/pool/pick.ts";
import { ActorId, CredentialName, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { EpochMs, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";

/** A pool in which everything is in order and nothing is known of any window; a test states what differs. */
export function makeSnapshot(differs: Partial<PoolSnapshot> = {}): PoolSnapshot {
  return {
    now: EpochMs(Date.UTC(2026, 10, 25, 12)),
    seed: 1,
    policyCommit: "c".repeat(40),
    strategy: "paced",
    queue: [],
    teams: [],
    credentials: [],
    upstreams: [],
    budgets: [],
    unclaimed: 0,
    ...differs,
  };
}

export function makeQueued(task: string, differs: Partial<QueuedTask> = {}): QueuedTask {
  return {
    task: TaskId(task),
    provider: "anthropic",
    harness: "claude-code",
    model: "claude-haiku-5-5",
    tier: "light",
    repository: RepositoryId(20),
    person: ActorId(30),
    team: "everyone",
    estimate: { mean: 500_000, p90: 1_000_000, ms: 10 * MINUTE_MS, tokensPerMinute: 0 },
    cap: MicroUsd(5_000_000),
    runner: MicroUsd(450_000),
    budgets: ["owner"],
    queuedAt: EpochMs(Date.UTC(2026, 10, 25, 11)),
    passedOverAt: null,
    priorityMs: 0,
    movedFrom: [],
    ...differs,
  };
}

export function makeCredential(name: string, differs: Partial<CredentialState> = {}): CredentialState {
  return {
    name: CredentialName(name),
    provider: "anthropic",
    upstream: `credential:${name}`,
    maxLive: 5,
    live: 0,
    lastGrantAt: null,
    keepForOwner: 0,
    serves: "everyone",
    only: { repositories: null, teams: null, tiers: null, models: null, harnesses: null },
    cooldowns: [],
    quarantined: false,
    budgets: [`credential:${name}`],
    ...differs,
  };
}
