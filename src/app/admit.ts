import { SECOND_MS } from "#core/wire/units.ts";
import type { OwnerId } from "#core/wire/ids.ts";
import { CONSTANTS } from "#core/pool/constants.ts";
import { hopeless } from "#core/pool/hope.ts";
import { pick } from "#core/pool/pick.ts";
import { index } from "#core/pool/why-not.ts";
import type { ClaimedAdmission, CurrentPolicy } from "#ports/store.ts";
import type { Deps, Worked } from "./deps.ts";
import { currentPolicy, LOOK_AGAIN_MS } from "./policy.ts";

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
    const policy = await currentPolicy(deps, admission.policy, head.brief);
    if (policy.ok) {
      if (!("refused" in policy.value)) return grant(deps, owner, policy.value);
      await store.refuseQueued(owner, policy.value.refused);
      // What has begun waits for a file that can be read.
      return { restMs: (await store.readQueueHead(owner)) === undefined ? null : LOOK_AGAIN_MS };
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
    if (decision.kind === "paused") return { restMs: null };
    if (decision.kind === "grant") {
      runtime.log.info({ task: decision.task, credential: decision.credential }, "lease offered");
      continue;
    }
    const { snapshot } = decision.record;
    const pool = index(snapshot, CONSTANTS);
    const waitsUntil = new Map(decision.waiting.map(({ task, until }) => [task, until]));
    const until: number[] = [];
    for (const task of snapshot.queue) {
      const why = hopeless(task, pool);
      if (why !== undefined) await store.refuseQueued(owner, { reason: "never-fits", why }, task.task);
      else until.push(waitsUntil.get(task.task) ?? Number.POSITIVE_INFINITY);
    }
    if (until.length === 0) return { restMs: null };
    const soonestMs = Math.min(...until) - snapshot.now;
    return { restMs: Math.min(LOOK_AGAIN_MS, Math.max(SECOND_MS, soonestMs)) };
  }
}
