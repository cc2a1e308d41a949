import type { Octokit } from "@octokit/rest";
import { MAX_CHECK_RUNS, type CheckRun } from "#core/task/ci-checks.ts";
import type { Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";

const LIST = "GET /repos/{owner}/{repo}/commits/{ref}/check-runs";

/** Each run of the commit's as it ran last, page by page, but for this App's own. */
export async function readCheckRuns(
  client: Octokit,
  at: { readonly owner: string; readonly repo: string },
  commit: string,
  ownApp: number,
): Promise<Result<readonly CheckRun[], GitHubFailure>> {
  const wanted = { ...at, ref: commit, filter: "latest" as const, per_page: 100, request: timeout() };
  let listed = 0;
  return answer(LIST, () =>
    client.paginate(client.rest.checks.listForRef, wanted, ({ data }, done) => {
      listed += data.length;
      // Enough to know that there are too many.
      if (listed > MAX_CHECK_RUNS) done();
      return data.filter((run) => run.app?.id !== ownApp).map(({ name, status, conclusion }) => ({ name, status, conclusion }));
    }),
  );
}
