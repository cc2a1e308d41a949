import { SECOND_MS } from "../wire/units.ts";

/**
 * Every effect the app has outside its own database, by the route that causes it. The GitHub adapter calls these
 * routes through this list and nothing else that writes, and the chaos test kills the app before and after each one.
 * Blobs and trees are left out: they are addressed by content and invisible until a commit is; minting a token leaves nothing behind.
 */
export const EFFECTS = {
  createComment: "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
  updateComment: "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
  dispatchRun: "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches",
  cancelRun: "POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel",
  createCommit: "POST /repos/{owner}/{repo}/git/commits",
  createBranch: "POST /repos/{owner}/{repo}/git/refs",
  openPullRequest: "POST /repos/{owner}/{repo}/pulls",
} as const;
export type Effect = keyof typeof EFFECTS;

/** How long GitHub's listings may lag behind a write before a second look can be believed. */
export const LISTING_LAG_MS = 5 * SECOND_MS;

/**
 * What to do about an effect: `mayHaveHappened` when an earlier try came as far as to cause it and its answer was never
 * seen; `tries` counts this action's, from 1. Act at once · look, and wait if nothing is found (GitHub's listings lag
 * behind its writes) · look again, then act.
 */
export function approach(tries: number, mayHaveHappened = tries > 1): "act" | "look-then-wait" | "look-then-act" {
  if (!mayHaveHappened) return "act";
  return tries <= 2 || tries % 2 === 0 ? "look-then-wait" : "look-then-act";
}
