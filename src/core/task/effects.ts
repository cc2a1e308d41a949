import { SECOND_MS } from "../wire/units.ts";

/**
 * Every effect the app has outside its own database, by the route that causes it. The GitHub adapter calls these
 * routes through this list and nothing else that writes, and the chaos test kills the app before and after each one.
 * Blobs and trees are left out: they are addressed by content and invisible until a commit is; minting a token leaves nothing behind.
 */
export const EFFECTS = {
  createComment: "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
  updateComment: "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
  react: "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
  dispatchRun: "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches",
  cancelRun: "POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel",
  createCommit: "POST /repos/{owner}/{repo}/git/commits",
  createBranch: "POST /repos/{owner}/{repo}/git/refs",
  openPullRequest: "POST /repos/{owner}/{repo}/pulls",
  createCheckRun: "POST /repos/{owner}/{repo}/check-runs",
  updateCheckRun: "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}",
} as const;
export type Effect = keyof typeof EFFECTS;

/**
 * How long GitHub's listings may lag behind a write. Nothing is tried again sooner (adapters/store/queue.ts), so that a
 * later try first looks for the effect of an earlier one whose answer was lost, and believes what it sees.
 */
export const LISTING_LAG_MS = 5 * SECOND_MS;
