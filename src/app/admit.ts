import { MINUTE_MS } from "#core/wire/units.ts";
import type { OwnerId } from "#core/wire/ids.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { Failure } from "#core/wire/failure.ts";
import type { Policy } from "#core/config/policy.ts";
import { pick } from "#core/pool/pick.ts";
import type { Brief } from "#core/task/brief.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { ClaimedAdmission } from "#ports/store.ts";
import type { Deps, Worked } from "./deps.ts";
import { parsePolicy, readPolicy, unholdable } from "./policy.ts";

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

async function grant({ store, runtime }: Deps, owner: OwnerId, policy: Policy): Promise<{ restMs: number | null }> {
  for (;;) {
    const decision = await store.admit(owner, policy, pick);
    if (decision.kind === "grant") {
      runtime.log.info({ task: decision.task, credential: decision.credential }, "lease offered");
      continue;
    }
    const { queue } = decision.record.snapshot;
    let waiting = 0;
    for (const { task, provider, estimate } of queue) {
      // What fitted when it was planned, and can't any more, would wait for ever.
      const tooSmall = unholdable(policy, provider, estimate);
      if (tooSmall === undefined) waiting += 1;
      else await store.refuseQueued(owner, tooSmall, task);
    }
    return { restMs: waiting > 0 ? LOOK_AGAIN_MS : null };
  }
}

async function currentPolicy(
  { store, github }: Deps,
  { owner, policy }: ClaimedAdmission,
  head: Brief,
): Promise<Result<Policy | { refused: Failure }, GitHubFailure>> {
  if (policy.ageMs < LOOK_AGAIN_MS) {
    const kept = parsePolicy(head.owner.login, policy.text);
    return ok(kept.ok ? kept.value : { refused: kept.error });
  }
  const readAt = await store.now();
  const setUp = await github.readSetUp(head);
  if (!setUp.ok) return setUp;
  const fresh = readPolicy(head.owner, setUp.value.policy);
  if (!fresh.ok) return ok({ refused: fresh.error });
  const { text, commit } = fresh.value;
  await store.recordPolicy(owner, { text, commit, readAt });
  return ok(fresh.value.policy);
}
