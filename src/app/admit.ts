import { MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import type { OwnerId } from "#core/wire/ids.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { Failure } from "#core/wire/failure.ts";
import { hopeless } from "#core/pool/hope.ts";
import { pick } from "#core/pool/pick.ts";
import type { Brief } from "#core/task/brief.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { ClaimedAdmission, CurrentPolicy } from "#ports/store.ts";
import type { Deps, Worked } from "./deps.ts";
import { parsePolicy, readPolicy } from "./policy.ts";

/**
 * How soon an owner's waiting tasks are looked at again when nothing wakes them: a month may have turned, a budget been
 * raised. A policy older than this is read anew first.
 */
const LOOK_AGAIN_MS = 5 * MINUTE_MS;

/**
 * An owner's queue: grants of its pool until none fits. What must wait says so in its comment, and is looked at again when
 * a lease ends.
 */
export async function admit(deps: Deps, admission: ClaimedAdmission): Promise<Worked> {
  const { store, runtime } = deps;
  const { owner } = admission;
  for (;;) {
    const head = await store.readQueueHead(owner);
    if (head === undefined) return { restMs: null };
    const policy = await currentPolicy(deps, admission, head.brief);
    if (policy.ok) {
      if (!("refused" in policy.value)) return grant(deps, owner, policy.value);
      await store.refuseQueued(owner, policy.value.refused);
      return { restMs: null };
    }
    if (policy.error.reason === "github-unavailable") return { failed: policy.error };
    // Its repository or its installation is gone: that ends this task, and holds up no other.
    runtime.log.warn({ task: head.task, message: policy.error.message }, "GitHub refused a waiting task");
    await store.refuseQueued(owner, policy.error, head.task);
  }
}

async function grant({ store, runtime }: Deps, owner: OwnerId, policy: CurrentPolicy): Promise<{ restMs: number | null }> {
  // What was planned under another policy may cost more, start elsewhere, or not start at all now.
  await store.replanQueued(owner, policy.commit);
  for (;;) {
    const decision = await store.admit(owner, policy, pick);
    if (decision.kind === "grant") {
      runtime.log.info({ task: decision.task, credential: decision.credential }, "lease offered");
      continue;
    }
    const { snapshot } = decision.record;
    const until: number[] = [];
    for (const task of snapshot.queue) {
      const why = hopeless(task, snapshot);
      if (why !== undefined) await store.refuseQueued(owner, { reason: "never-fits", why }, task.task);
      else until.push(decision.waiting.find((each) => each.task === task.task)?.until ?? Number.POSITIVE_INFINITY);
    }
    if (until.length === 0) return { restMs: null };
    const soonestMs = Math.min(...until) - snapshot.now;
    return { restMs: Math.min(LOOK_AGAIN_MS, Math.max(SECOND_MS, soonestMs)) };
  }
}

async function currentPolicy(
  { store, github }: Deps,
  { owner, policy }: ClaimedAdmission,
  head: Brief,
): Promise<Result<CurrentPolicy | { refused: Failure }, GitHubFailure>> {
  if (policy.ageMs < LOOK_AGAIN_MS) {
    const kept = parsePolicy(head.owner.login, policy.text);
    return ok(kept.ok ? { policy: kept.value, commit: policy.commit } : { refused: kept.error });
  }
  const readAt = await store.now();
  const setUp = await github.readSetUp(head);
  if (!setUp.ok) return setUp;
  const fresh = readPolicy(head.owner, setUp.value.policy);
  if (!fresh.ok) return ok({ refused: fresh.error });
  const { text, commit } = fresh.value;
  await store.recordPolicy(owner, { text, commit, readAt });
  return ok({ policy: fresh.value.policy, commit });
}
