import { answer, notFound, refusal, textField, type Answer, type RepositoryRequest } from "../answers.ts";
import { actorOf } from "../credentials.ts";
import { listRefs, resolve } from "../git-repository.ts";
import { heldBy, rulesOf } from "../protection.ts";
import { mergePull } from "../pulls.ts";
import type { PullIssue } from "../shapes/pull.ts";
import type { GitHub, Repository } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";
import { pullOf } from "./pulls.ts";

/** A rebase leaves one commit here, as a squash does. */
export const merge: RepositoryHandler = async (github, request) => {
  const issue = pullOf(request);
  if (issue === undefined) return notFound();
  const { repository, caller, body } = request;
  const { head, base, draft, headSha } = issue.pull;
  if (draft) return refusal(405, "Pull Request is still a draft");
  const [tip] = await listRefs(repository.git, `refs/heads/${base}`);
  if (issue.state === "closed" || tip?.ref !== `refs/heads/${base}`) return notMergeable();
  const wanted = textField(body, "sha");
  if (wanted !== undefined && wanted !== headSha)
    return refusal(409, "Head branch was modified. Review and try the merge again.");
  if ((await resolve(repository.git, `refs/heads/${head}`)) === undefined) return notMergeable();
  const refused = refuseProtected(github, request, issue);
  if (refused !== undefined) return refused;
  const merged = await mergePull(github, repository, issue, actorOf(github, caller), {
    method: (textField(body, "merge_method") ?? "merge") === "merge" ? "merge" : "squash",
    title: textField(body, "commit_title"),
    message: textField(body, "commit_message"),
  });
  if (merged === "conflict") return notMergeable();
  if (merged === "moved") return refusal(409, "Base branch was modified. Review and try the merge again.");
  return answer(200, { sha: merged.sha, merged: true, message: "Pull Request successfully merged" });
};

function notMergeable(): Answer {
  return refusal(405, "Pull Request is not mergeable");
}

/** Nobody here approves anything, so what needs an approval is merged by who needn't wait for one. */
function refuseProtected(github: GitHub, { repository, caller }: RepositoryRequest, { pull }: PullIssue): Answer | undefined {
  const protection = heldBy(github, repository, pull.base, caller);
  const ruled = rulesOf(github, repository, pull.base).find(({ type }) => type === "pull_request");
  const approvals = Math.max(
    protection?.reviews?.count ?? 0,
    Number(ruled?.parameters?.["required_approving_review_count"] ?? 0),
  );
  if (approvals > 0) {
    const [noun, verb] = approvals === 1 ? ["review", "is"] : ["reviews", "are"];
    return refusal(405, `At least ${String(approvals)} approving ${noun} ${verb} required by reviewers with write access.`);
  }
  const missing = (protection?.statusChecks?.contexts ?? []).filter((name) => !hasPassed(repository, pull.headSha, name));
  const [one, ...more] = missing;
  if (one === undefined) return undefined;
  return refusal(
    405,
    more.length === 0
      ? `Required status check "${one}" is expected.`
      : `${String(missing.length)} of ${String(protection?.statusChecks?.contexts.length ?? 0)} required status checks are expected.`,
  );
}

function hasPassed(repository: Repository, sha: string, name: string): boolean {
  return [...repository.checkSuites.values()].some(
    (suite) => suite.sha === sha && suite.runs.get(name)?.conclusion === "success",
  );
}
