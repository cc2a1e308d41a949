import { answer, notFound, page, refusal } from "../answers.ts";
import { commitsBetween, diffFiles, mergeBase } from "../git-diff.ts";
import { readCommit, resolve } from "../git-repository.ts";
import { toBranchCommit } from "../shapes/git.ts";
import { repositoryHtmlUrl, repositoryUrl } from "../shapes/urls.ts";
import type { RepositoryHandler } from "./handler.ts";
import { toFile } from "./pulls.ts";

/** Source: docs.github.com, REST, "Compare two commits": the first page alone has files, and no more than these. */
const MAX_FILES = 300;

/** Two commits, where they went apart, and what one has changed since. */
export const compareCommits: RepositoryHandler = async (github, request) => {
  const { repository, params } = request;
  const basehead = params["basehead"] ?? "";
  const [base, head] = await Promise.all(basehead.split("...").map((ref) => resolve(repository.git, ref)));
  if (base === undefined || head === undefined) return notFound();
  const from = await mergeBase(repository.git, base, head);
  if (from === undefined) return refusal(404, `No common ancestor between ${basehead.replace("...", " and ")}.`);
  const [ahead, behind] = [await commitsBetween(repository.git, base, head), await commitsBetween(repository.git, head, base)];
  const commit = async (sha: string) => toBranchCommit(github, repository, await readCommit(repository.git, sha));
  const url = `${repositoryUrl(github, repository)}/compare/${basehead}`;
  const html = `${repositoryHtmlUrl(github, repository)}/compare/${basehead}`;
  const { items, headers } = page(request, url, ahead);
  const status = ahead.length === 0 ? (behind.length === 0 ? "identical" : "behind") : behind.length === 0 ? "ahead" : "diverged";
  const isFirst = (request.query["page"] ?? "1") === "1";
  const changed = isFirst ? await diffFiles(repository.git, from, head) : undefined;
  const files = changed?.slice(0, MAX_FILES).map((file) => toFile(github, repository, { from, to: head }, file));
  const compared = {
    url,
    html_url: html,
    permalink_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    base_commit: await commit(base),
    merge_base_commit: await commit(from),
    status,
    ahead_by: ahead.length,
    behind_by: behind.length,
    total_commits: ahead.length,
    commits: await Promise.all(items.map(commit)),
    ...(files === undefined ? {} : { files: await Promise.all(files) }),
  };
  return answer(200, compared, headers);
};
