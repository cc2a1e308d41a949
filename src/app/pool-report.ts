import type { OwnerId, TaskId } from "#core/wire/ids.ts";
import { describe, type Failure } from "#core/wire/failure.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { Candidate, PoolSnapshot } from "#core/pool/decision.ts";
import { candidatesFor, orderOf } from "#core/pool/pick.ts";
import { reportOf, type PoolReport } from "#core/pool/report.ts";
import { toSnapshot } from "#core/pool/snapshot.ts";
import type { KeptDecision } from "#ports/reading.ts";
import type { Store, TaskRow } from "#ports/store.ts";
import { ownersNamed } from "./owners.ts";
import { parsePolicy } from "#core/config/policy-file.ts";

export type OwnerPool = { readonly owner: string; readonly pool: PoolReport | { readonly refused: Failure } };

/** Every owner's pool as it stands, or the one owner's that is named; or whose there are. */
export async function readPools(
  store: Store,
  login: string | undefined,
): Promise<Result<readonly OwnerPool[], readonly string[]>> {
  const wanted = await ownersNamed(store, login);
  if (login !== undefined && wanted.length === 0) return err((await store.readOwners()).map((owner) => owner.login));
  return ok(
    await Promise.all(wanted.map(async ({ owner, login: name }) => ({ owner: name, pool: await readPool(store, owner, name) }))),
  );
}

async function readPool(store: Store, owner: OwnerId, login: string): Promise<PoolReport | { readonly refused: Failure }> {
  const { policy, stored, months } = await store.readPool(owner);
  const parsed = parsePolicy(login, policy.text);
  if (!parsed.ok) return { refused: parsed.error };
  return reportOf(toSnapshot(parsed.value, policy.commit, stored, 0), parsed.value.pool, months);
}

export type Explanation = {
  readonly task: TaskId;
  readonly state: string;
  /** Why it ended without a pull request, where it did for a reason of the app's. */
  readonly failure: string | null;
  /** While it waits: what each credential is to it now. */
  readonly waiting: {
    readonly position: number;
    readonly snapshot: PoolSnapshot;
    readonly candidates: readonly Candidate[];
  } | null;
  readonly decisions: readonly KeptDecision[];
};

/**
 * Why a task waits, and why its leases fell as they did. `reference`: its id, or `owner/repository#issue` for that issue's
 * newest task.
 */
export async function explainTask(store: Store, reference: string): Promise<Result<Explanation, "unknown">> {
  const task = await store.findTask(reference);
  if (task === undefined) return err("unknown");
  const { id, state, failure } = task;
  return ok({
    task: id,
    state,
    failure: failure === null ? null : describe(failure),
    waiting: state === "queued" ? await explainWaiting(store, task) : null,
    decisions: await store.readDecisions(id),
  });
}

async function explainWaiting(store: Store, { id, brief }: TaskRow): Promise<Explanation["waiting"]> {
  const { policy, stored } = await store.readPool(brief.owner.id);
  const parsed = parsePolicy(brief.owner.login, policy.text);
  if (!parsed.ok) return null;
  const snapshot = toSnapshot(parsed.value, policy.commit, stored, 0);
  const position = orderOf(snapshot).findIndex(({ task }) => task === id);
  const queued = snapshot.queue.find(({ task }) => task === id);
  if (queued === undefined) return null;
  return { snapshot, position: position + 1, candidates: candidatesFor(queued, snapshot) };
}
