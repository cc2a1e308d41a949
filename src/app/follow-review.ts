import type { RepositoryId } from "#core/wire/ids.ts";
import type { Delivery, DeliveryEvent } from "#ports/delivery.ts";
import type { Deps, Triggered } from "./deps.ts";
import { followUp } from "./follow-up.ts";
import { configure } from "./plan.ts";

/** A review that requests changes starts a follow-up where the repository's settings say so, as if its author had asked. */
export async function followReview(
  deps: Deps,
  { id, owner }: Delivery,
  pull: number,
  repository: RepositoryId,
  { by, at, installation }: NonNullable<Extract<DeliveryEvent, { kind: "pull-news" }>["review"]>,
): Promise<Triggered> {
  const task = await deps.store.findByPull({ owner, repository, pull });
  if (task === undefined) return { note: "not a pull request of ours" };
  const place = { ...task.brief, installation };
  const setUp = await deps.github.readSetUp(place);
  if (!setUp.ok) return { failed: setUp.error };
  const configured = configure(place, setUp.value);
  if (!configured.ok || configured.value.settings["on-review"] === "ask")
    return { note: "what came of its pull request was kept" };
  const asking = { why: "review", requester: by, words: null, askedAt: at, installation } as const;
  return followUp(deps, task, pull, asking, id);
}
