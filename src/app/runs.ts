import type { LeaseRow, Store } from "#ports/store.ts";

/** The runs of this lease's attempt that have reported, oldest first. */
export async function reportedRuns(store: Store, { task, attempt }: LeaseRow): Promise<readonly LeaseRow[]> {
  const leases = await store.readLeases(task);
  return leases.filter((each) => each.attempt.id === attempt.id && each.state === "settled");
}
