import { answer, page, unprocessable } from "../answers.ts";
import { resolve } from "../git-repository.ts";
import { toCheckRun } from "../shapes/check.ts";
import { repositoryUrl } from "../shapes/urls.ts";
import type { RepositoryHandler } from "./handler.ts";

/** Each as it ran last (`filter=latest`, which is the default); of those before, nothing is kept. */
export const listCheckRuns: RepositoryHandler = async (github, request) => {
  const { repository, params } = request;
  const ref = params["ref"] ?? "";
  const sha = await resolve(repository.git, ref);
  if (sha === undefined) return unprocessable(`No commit found for SHA: ${ref}`);
  const runs = [...repository.checkSuites.values()]
    .filter((suite) => suite.sha === sha)
    .flatMap((suite) => [...suite.runs].map(([name, run]) => toCheckRun(github, repository, suite, name, run)));
  const { items, headers } = page(request, `${repositoryUrl(github, repository)}/commits/${ref}/check-runs`, runs);
  return answer(200, { total_count: runs.length, check_runs: items }, headers);
};
