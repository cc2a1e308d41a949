import type { RepositoryId } from "#core/wire/ids.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import type { Delivery, DeliveryEvent } from "#ports/delivery.ts";
import type { Deps, Triggered } from "./deps.ts";
import { followUp } from "./follow-up.ts";
import { configure } from "./plan.ts";

/** So young, it stands; GitHub's own listing may not have it yet. */
const FRESH_MS = MINUTE_MS;

/** A review that requests changes starts a follow-up where the repository's settings say so, as if its author had asked. */
export async function followReview(
  deps: Deps,
  { id, owner }: Delivery,
  pull: number,
  repository: RepositoryId,
  { by, at, installation }: NonNullable<Extract<DeliveryEvent, { kind: "pull-news" }>["review"]>,
): Promise<Triggered> {
  const { store, github } = deps;
  const task = await store.findByPull({ owner, repository, pull });
  if (task === undefined) return { note: "not a pull request of ours" };
  const place = { ...task.brief, installation };
  const setUp = await github.readSetUp(place);
  if (!setUp.ok) return { failed: setUp.error };
  const configured = configure(place, setUp.value);
  if (!configured.ok || configured.value.settings["on-review"] === "ask")
    return { note: "what came of its pull request was kept" };
  const late = await store.readLate(id, { owner, repository, issue: pull });
  if (late?.isOvertaken === true) return { note: "the review was told late, and a follow-up was opened since" };
  if ((await store.now()) - at > FRESH_MS) {
    const discussion = await github.readDiscussion(place, pull);
    if (!discussion.ok) return { failed: discussion.error };
    if (!discussion.value.reviews.some((review) => review.by?.id === by.id))
      return { note: "the review was told late, and its author requests nothing any more" };
  }
  const asking = { why: "review", requester: by, words: null, askedAt: at, installation } as const;
  return followUp(deps, task, pull, asking, id);
}
