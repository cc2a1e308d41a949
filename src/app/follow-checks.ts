import { checkName } from "#core/plan/told.ts";
import { judgeCiChecks, mayBeMended, type CheckRun } from "#core/task/ci-checks.ts";
import { LISTING_LAG_MS } from "#core/task/effects.ts";
import { failedAnew, isAwaitedOnBase } from "#core/task/follow-up.ts";
import { isTerminal } from "#core/task/lifecycle.ts";
import { ok } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import type { Delivery, DeliveryEvent } from "#ports/delivery.ts";
import type { TaskRow } from "#ports/store.ts";
import type { Deps, Triggered } from "./deps.ts";
import { followUp } from "./follow-up.ts";
import { configure } from "./plan.ts";

/** The base's CI is looked at again. */
const BASE_AGAIN_MS = 5 * MINUTE_MS;

/**
 * CI that has failed on a commit of ours starts a follow-up where the repository's settings say so, as if who asked for the work had asked.
 * On a commit of ours only: whoever pushes to its branch looks after their own. `heard`: how its runs stand, where that is known already.
 * undefined: there is nothing to do.
 */
export async function followChecks(
  deps: Deps,
  { id }: Delivery,
  task: TaskRow,
  { installation, commit }: Extract<DeliveryEvent, { kind: "ci-ended" }>,
  heard?: readonly CheckRun[],
): Promise<Triggered | undefined> {
  const { store, github } = deps;
  const failedOf = (runs: readonly CheckRun[]) => judgeCiChecks(runs)?.failed.filter(mayBeMended) ?? [];
  if (heard !== undefined && failedOf(heard).length === 0) return undefined;
  // A quick one ends before the pull request is open.
  if (task.pullRequest === null) return isTerminal(task.state) ? undefined : { restMs: LISTING_LAG_MS };
  const place = { ...task.brief, installation };
  const setUp = await github.readSetUp(place);
  if (!setUp.ok) return { failed: setUp.error };
  const configured = configure(place, setUp.value);
  if (!configured.ok || configured.value.settings["on-ci"] === "ask") return undefined;
  const runs = heard === undefined ? await github.readCheckRuns(place, commit) : ok(heard);
  if (!runs.ok) return { failed: runs.error };
  const failed = failedOf(runs.value);
  if (failed.length === 0) return undefined;
  const { number } = task.pullRequest;
  const head = await github.readHead(place, number);
  if (!head.ok) return { failed: head.error };
  if (!head.value.isOpen) return { note: "its pull request is closed, or another's" };
  if (head.value.commit !== commit) return { note: "its pull request has moved on" };
  // As that stands now: workflows of a pull request run on it merged with the branch.
  const onBase = await github.readCheckRuns(place, configured.value.base.commit);
  if (!onBase.ok) return { failed: onBase.error };
  const anew = failedAnew(failed, { onBase: onBase.value, told: task.plan?.told?.checks ?? [] });
  if (anew.length === 0) return { note: "what failed of its CI fails on its base too, or was tried" };
  // Of the others nobody knows yet whose doing it is. GitHub ends what hasn't within 14 days.
  const certain = anew.filter((check) => !isAwaitedOnBase(check, onBase.value));
  if (certain.length === 0) return { restMs: BASE_AGAIN_MS };
  const { requester } = task.brief;
  const checks = certain.map(({ name }) => checkName(name));
  const asked = { why: "checks", words: null, head: commit, checks } as const;
  return followUp(deps, task, number, { ...asked, requester, askedAt: await store.now(), installation }, id);
}
