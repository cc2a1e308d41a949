import { LISTING_LAG_MS } from "#core/task/effects.ts";
import type { GitHubFailure } from "#ports/github.ts";

/** GitHub's reads lag behind its writes: what isn't seen yet is looked for once more, and that try believes what it sees. */
export function notYet(route: string, message: string): { readonly failed: GitHubFailure } {
  return { failed: { reason: "github-unavailable", route, message, retryAfterMs: LISTING_LAG_MS, tokenRefused: false } };
}
