import type { OwnerId, TaskId } from "#core/wire/ids.ts";
import type { Failure } from "#core/wire/failure.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { reportOf, type PoolReport } from "#core/pool/report.ts";
import { toSnapshot } from "#core/pool/snapshot.ts";
import type { KeptDecision, Store } from "#ports/store.ts";
import { parsePolicy } from "./policy.ts";

export type OwnerPool = { readonly owner: string; readonly pool: PoolReport | { readonly refused: Failure } };

/** Every owner's pool as it stands, or the one owner's that is named. */
export async function readPools(store: Store, login: string | undefined): Promise<readonly OwnerPool[]> {
  const owners = await store.readOwners();
  const wanted = owners.filter((owner) => login === undefined || owner.login.toLowerCase() === login.toLowerCase());
  return Promise.all(wanted.map(async ({ owner, login: name }) => ({ owner: name, pool: await readPool(store, owner, name) })));
}

async function readPool(store: Store, owner: OwnerId, login: string): Promise<PoolReport | { readonly refused: Failure }> {
  const { policy, stored, months } = await store.readPool(owner);
  const parsed = parsePolicy(login, policy.text);
  if (!parsed.ok) return { refused: parsed.error };
  return reportOf(toSnapshot(parsed.value, policy.commit, stored, 0), parsed.value.pool, months);
}

export type Explanation = { readonly task: TaskId; readonly state: string; readonly decisions: readonly KeptDecision[] };

/** Why a task's leases fell as they did. `reference`: its id, or `owner/repository#issue` for that newest task. */
export async function explainTask(store: Store, reference: string): Promise<Result<Explanation, "unknown">> {
  const task = await store.findTask(reference);
  if (task === undefined) return err("unknown");
  return ok({ task: task.id, state: task.state, decisions: await store.readDecisions(task.id) });
}
