import { setTimeout } from "node:timers/promises";
import { showsOpenTask } from "#core/task/markers.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { DAY_MS, MINUTE_MS } from "#core/wire/units.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { Deps } from "./deps.ts";
import { readServed } from "./places.ts";

/** A budget's longest period: what waits for one has waited no longer. */
const WITHIN_MS = 31 * DAY_MS;
const LOOK_AGAIN_MS = MINUTE_MS;

/**
 * Where a store is unused, and may have taken a lost one's place: what GitHub still shows of it is made good. An issue's comment becomes
 * its one comment again, and one that shows a task as under way or waiting says that its records are lost, and what to do. A store that
 * is new to GitHub as well finds nothing. Goes on until GitHub has answered once, or somebody has asked something.
 */
export async function adoptComments(deps: Deps, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted && (await deps.store.isUnused())) {
    const looked = await look(deps, stopping);
    if (looked.ok) return;
    deps.runtime.log.warn({ failure: looked.error }, "comments of an earlier store could not be looked for");
    if (looked.error.reason === "github-refused") return;
    await setTimeout(looked.error.retryAfterMs ?? LOOK_AGAIN_MS, undefined, { signal: stopping, ref: false }).catch(() => {});
  }
}

async function look(deps: Deps, stopping: AbortSignal): Promise<Result<void, GitHubFailure>> {
  const { store, github, runtime } = deps;
  const places = await readServed(deps);
  if (!places.ok) return places;
  let lost = 0;
  for (const place of places.value) {
    if (stopping.aborted) break;
    const comments = await github.readOwnComments(place, WITHIN_MS);
    if (!comments.ok) {
      if (comments.error.reason === "github-unavailable") return comments;
      // Gone since it was listed, or without issues.
      runtime.log.warn({ repository: place.repository.id, failure: comments.error }, "its comments were not looked through");
      continue;
    }
    for (const comment of comments.value) {
      const isOpen = showsOpenTask(comment.body);
      if (isOpen) lost += 1;
      await store.adoptComment(place, comment, isOpen ? { reason: "records-lost" } : null);
    }
  }
  if (lost > 0)
    runtime.log.warn({ tasks: lost }, "this store is new, and tasks of an earlier one are lost; their comments say so");
  return ok(undefined);
}
