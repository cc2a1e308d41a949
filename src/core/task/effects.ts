import { SECOND_MS } from "../wire/units.ts";
import type { Turn } from "./content-budget.ts";

/**
 * Every effect the app has outside its own database, by the route that causes it. The GitHub adapter calls these
 * routes through this list and nothing else that writes, and the chaos test kills the app before and after each one.
 * Blobs and trees are left out: they are addressed by content and invisible until a commit is; minting a token leaves nothing behind.
 */
export const EFFECTS = {
  openIssue: "POST /repos/{owner}/{repo}/issues",
  createComment: "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
  updateComment: "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
  createReply: "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
  answerThread: "POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies",
  react: "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
  dispatchRun: "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches",
  cancelRun: "POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel",
  redeliver: "POST /app/hook/deliveries/{delivery_id}/attempts",
  createCommit: "POST /repos/{owner}/{repo}/git/commits",
  createBranch: "POST /repos/{owner}/{repo}/git/refs",
  updateBranch: "PATCH /repos/{owner}/{repo}/git/refs/{ref}",
  mergeBase: "POST /repos/{owner}/{repo}/merges",
  openPullRequest: "POST /repos/{owner}/{repo}/pulls",
  createCheckRun: "POST /repos/{owner}/{repo}/check-runs",
  updateCheckRun: "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}",
  requestReview: "POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers",
} as const;
export type Effect = keyof typeof EFFECTS;

/**
 * Whose turn an effect takes of the installation's budget of content-creating calls; null: it takes none. GitHub doesn't list
 * the calls that it counts. The pages of some say "this endpoint triggers notifications", but others were "blocked from content
 * creation" while they committed (fjogeleit/yaml-update-action#537). So all count that leave something behind; what ends a
 * run leaves nothing, and must not wait while the run costs money.
 */
export const TURN_OF = {
  openIssue: "news",
  createComment: "work",
  /** Or `progress`, as its caller says. */
  updateComment: "news",
  createReply: "news",
  answerThread: "news",
  react: "sign",
  dispatchRun: "work",
  cancelRun: null,
  redeliver: null,
  createCommit: "work",
  createBranch: "work",
  updateBranch: "work",
  mergeBase: "work",
  openPullRequest: "work",
  createCheckRun: "news",
  updateCheckRun: "news",
  requestReview: "news",
} as const satisfies Record<Effect, Turn | null>;

/**
 * How long GitHub's listings may lag behind a write. Nothing is tried again sooner (adapters/store/queue.ts), so that a
 * later try first looks for the effect of an earlier one whose answer was lost, and believes what it sees.
 */
export const LISTING_LAG_MS = 5 * SECOND_MS;
