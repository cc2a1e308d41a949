import type { FollowReason } from "../request/brief.ts";
import type { Failure } from "../wire/failure.ts";

/**
 * A pull request's base as it stands, with the paths that it would bring in and those that the pull request changes, since the two
 * went apart. null: more than GitHub lists.
 */
export type Behind = {
  readonly branch: string;
  readonly commit: string;
  readonly brings: readonly string[] | null;
  readonly touches: readonly string[] | null;
};

/** Of a follow-up: the commit by which its base was merged in first, or why a person is asked to do that. */
export type BaseUpdate =
  | { readonly branch: string; readonly merge: string }
  | Extract<Failure, { readonly reason: "base-not-merged" }>;

/**
 * What a follow-up keeps of its merge of the base, from before the call on: `tip`, of `branch`, is merged onto that commit of the head's
 * branch. `merge`: the commit that this has come to; null: not known, its answer may be lost.
 */
export type BaseMerge = {
  readonly branch: string;
  readonly onto: string;
  readonly tip: string;
  readonly merge: string | null;
};

/** Whether the head is that merge: by its id, or where that was never heard by its parents. Pure. */
export function isBaseMerge({ onto, tip, merge }: BaseMerge, commit: string, parents: readonly string[]): boolean {
  return merge === null ? parents.length === 2 && parents[0] === onto && parents[1] === tip : merge === commit;
}

/** What an App without `workflows` may not bring in (mergify#5055, kodiak#853), and what such files call. */
const WORKFLOWS = /^\.github\/(?:workflows|actions)(?:\/|$)/i;

/**
 * Whether the base is merged in before a follow-up begins: where it has changed files that the pull request changes as well, or CI
 * has failed, which runs on what the two come to together. Elsewhere it would be one more commit, and one more run of CI, for
 * nothing. `workflows`: it brings some, or may. Pure.
 */
export function judgeBehind({ brings, touches }: Behind, why: FollowReason): "leave" | "merge" | "workflows" {
  if (brings === null) return "workflows";
  const meets = why === "checks" || touches === null || brings.some((path) => touches.includes(path));
  if (brings.length === 0 || !meets) return "leave";
  return brings.some((path) => WORKFLOWS.test(path)) ? "workflows" : "merge";
}
