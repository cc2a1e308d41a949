import type { ColumnType, Generated } from "kysely";
import type { Outcome } from "#core/wire/contract.ts";
import type { Failure } from "#core/wire/failure.ts";
import type { Policy } from "#core/config/policy.ts";
import type { DecisionRecord } from "#core/pool/pick.ts";
import type { Plan } from "#core/plan/plan.ts";
import type { Brief } from "#core/task/brief.ts";
import type { JudgedReason } from "#core/task/judge.ts";
import type { AttemptState, TaskState, Verdict } from "#core/task/lifecycle.ts";
import type { DeliveryEvent, ExpectedRun } from "#ports/store.ts";

/** A jsonb column: read as a value, written as its JSON text. */
type Json<T> = ColumnType<T, string, string>;
type NullableJson<T> = ColumnType<T | null, string | null | undefined, string | null>;

/** Columns every queue has. Times are epoch milliseconds of the database's clock; `due_at` null = not by itself. */
type Queue = {
  due_at: number | null;
  tries: Generated<number>;
  held_by: string | null;
  held_until: number | null;
};

/** The tables as migrations.ts makes them. Every row carries the owner's id. */
export type Schema = {
  deliveries: Queue & {
    id: string;
    owner_id: number;
    event: Json<DeliveryEvent>;
    received_at: Generated<number>;
    note: string | null;
  };
  owners: { owner_id: number; policy: Json<Policy>; policy_commit: string };
  tasks: Queue & {
    id: string;
    owner_id: number;
    repository_id: number;
    issue_number: number;
    state: TaskState;
    brief: Json<Brief>;
    plan: NullableJson<Plan>;
    failure: NullableJson<Failure>;
    comment_id: number | null;
    comment_hash: string | null;
    comment_refused: Generated<boolean>;
    commit_sha: string | null;
    pull_number: number | null;
    pull_draft: boolean | null;
    queued_at: number | null;
    created_at: Generated<number>;
    updated_at: Generated<number>;
  };
  attempts: {
    id: string;
    owner_id: number;
    task_id: string;
    number: number;
    state: AttemptState;
    credential: string;
    expected: NullableJson<ExpectedRun>;
    run_id: number | null;
    run_url: string | null;
    check_run: string | null;
    run_token_hash: string | null;
    heartbeats: Generated<number>;
    deadline_at: number | null;
    outcome: NullableJson<Outcome>;
    outcome_hash: string | null;
    verdict: Verdict | null;
    why: NullableJson<JudgedReason>;
    created_at: Generated<number>;
  };
  holds: { attempt_id: string; owner_id: number; credential: string; window_name: string; scope: string; amount: number };
  ledger: {
    attempt_id: string;
    kind: string;
    owner_id: number;
    credential: string;
    amount: number;
    detail: Json<unknown>;
    at: Generated<number>;
  };
  decisions: { id: Generated<number>; owner_id: number; task_id: string; record: Json<DecisionRecord>; at: Generated<number> };
};
