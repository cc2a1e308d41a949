import type { BranchPolicy, Environment } from "../environments.ts";
import { iso, type GitHub, type Repository } from "../state.ts";
import { toUser, type Shape } from "./account.ts";
import { toTeam } from "./organization.ts";
import { nodeId, repositoryHtmlUrl, repositoryUrl } from "./urls.ts";

/** `environment`: each of its rules is in the list only where it is set. */
export function toEnvironment(github: GitHub, repository: Repository, environment: Environment): Shape {
  const { branches } = environment;
  const name = encodeURIComponent(environment.name);
  const at = iso(environment.createdAt);
  return {
    id: environment.id,
    node_id: nodeId("Environment", environment.id),
    name: environment.name,
    url: `${repositoryUrl(github, repository)}/environments/${name}`,
    html_url: `${repositoryHtmlUrl(github, repository)}/deployments/activity_log?environments_filter=${name}`,
    created_at: at,
    updated_at: at,
    protection_rules: toRules(github, repository, environment),
    deployment_branch_policy:
      branches === "all"
        ? null
        : { protected_branches: branches === "protected", custom_branch_policies: branches !== "protected" },
  };
}

function toRules(
  github: GitHub,
  { owner }: Repository,
  { id, branches, reviewers, preventSelfReview, waitMinutes }: Environment,
): Shape[] {
  const rule = (place: number, type: string): Shape => ({
    id: id * 10 + place,
    node_id: nodeId("GateRule", id * 10 + place),
    type,
  });
  return [
    ...(waitMinutes === 0 ? [] : [{ ...rule(1, "wait_timer"), wait_timer: waitMinutes }]),
    ...(reviewers.length === 0
      ? []
      : [
          {
            ...rule(2, "required_reviewers"),
            prevent_self_review: preventSelfReview,
            reviewers: reviewers.map((one) => ({
              type: one.type,
              reviewer: one.type === "User" ? toUser(github, one.account) : toTeam(github, owner, one.team),
            })),
          },
        ]),
    ...(branches === "all" ? [] : [rule(3, "branch_policy")]),
  ];
}

export function toBranchPolicy({ id, name, type }: BranchPolicy): Shape {
  return { id, node_id: nodeId("DeploymentBranchPolicy", id), name, type };
}
