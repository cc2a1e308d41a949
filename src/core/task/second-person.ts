import type { ActorId } from "../wire/ids.ts";
import { unreachable } from "../wire/result.ts";

/** The name that a repository's owner requires before a merge. */
export const SECOND_PERSON = "agent-pool / second person";

/** A pull request as GitHub has it now. */
export type ReviewedPull = {
  readonly isOpen: boolean;
  readonly head: string;
  /** Whether its base branch asks for an approving review, by branch protection or by a ruleset. */
  readonly needsReview: boolean;
  /** The latest of each person with write that says something, by whom and of which commit. */
  readonly reviews: readonly { readonly by: ActorId; readonly approves: boolean; readonly commit: string }[];
  /** Whom its commits name: authors, co-authors and committers. null: it has more commits than are read. */
  readonly hands: readonly ActorId[] | null;
};

/** `none`: nothing is to be said; `missing`: nobody who counts has approved the head. */
export type SecondPerson =
  | { readonly is: "none" }
  | { readonly is: "missing"; readonly why: "no-approval" | "own-approval" | "too-many-commits" }
  | { readonly is: "found" };

/**
 * Whether a second person has approved a pull request's head: a person with write who neither asked for it nor pushed to it.
 * `setting`: the repository's; undefined: where the base branch needs a review. `said`: something was said of it before, and so it
 * goes on being said. `own`: who asked for it or for a follow-up, who approved that it was begun, and who has pushed to it, by the store. Pure.
 */
export function judgeSecondPerson(
  pull: ReviewedPull,
  { setting, said, own }: { readonly setting: boolean | undefined; readonly said: boolean; readonly own: readonly ActorId[] },
): SecondPerson {
  if (!pull.isOpen || !(setting ?? (pull.needsReview || said))) return { is: "none" };
  if (pull.hands === null) return { is: "missing", why: "too-many-commits" };
  const first = new Set([...own, ...pull.hands]);
  const approvals = pull.reviews.filter(({ approves, commit }) => approves && commit === pull.head);
  if (approvals.some(({ by }) => !first.has(by))) return { is: "found" };
  return { is: "missing", why: approvals.length === 0 ? "no-approval" : "own-approval" };
}

/** What the check run says; `login`: who asked for the work. Pure. */
export function secondPersonWords(judged: Exclude<SecondPerson, { is: "none" }>): {
  readonly conclusion: "success" | "action_required";
  readonly title: string;
  readonly summary: string;
} {
  if (judged.is === "found")
    return {
      conclusion: "success",
      title: "A second person approved this commit",
      summary: "Somebody with write, who neither asked for this work nor pushed to it, approved exactly this commit.",
    };
  return {
    conclusion: "action_required",
    title: "Waits for a second person's approval",
    summary: `${whyMissing(judged.why)} ${RULE}`,
  };
}

const RULE =
  "Who asked for this work, and who pushed to its branch, can't be the second person: a model wrote what one of them wanted. Somebody else with write approves exactly this commit, in a review; another push needs another approval. `second-person: false` in the repository's settings switches this off for pull requests to come.";

function whyMissing(why: Extract<SecondPerson, { is: "missing" }>["why"]): string {
  switch (why) {
    case "no-approval":
      return "Nobody with write has approved this commit yet.";
    case "own-approval":
      return "This commit was approved only by people who asked for the work or pushed to its branch.";
    case "too-many-commits":
      return "The pull request has more than 100 commits, so whose they are can't be told.";
    default:
      return unreachable(why);
  }
}
