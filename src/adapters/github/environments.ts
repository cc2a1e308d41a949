import type { EnvironmentFacts } from "#core/setup/facts.ts";
import { KEY_SECRET } from "#core/setup/files.ts";
import { ok } from "#core/wire/result.ts";
import type { Answer } from "#ports/github.ts";
import { at, done, everyPage, type Asking } from "./asking.ts";

type Place = { readonly owner: string; readonly repo: string; readonly environment_name: string };

/** An environment with the branches that may deploy, and whether it has a key; undefined where there is none. */
export async function readEnvironment(asking: Asking, repository: string, name: string): Answer<EnvironmentFacts | undefined> {
  const place = { ...at(repository), environment_name: name };
  const found = await asking.find("GET /repos/{owner}/{repo}/environments/{environment_name}", place);
  if (!found.ok || found.value === undefined) return found.ok ? ok(undefined) : found;
  const { deployment_branch_policy: rule, protection_rules: rules } = found.value;
  const deploys = await readDeploys(asking, place, rule);
  if (!deploys.ok) return deploys;
  const key = await asking.find("GET /repos/{owner}/{repo}/environments/{environment_name}/secrets/{secret_name}", {
    ...place,
    secret_name: KEY_SECRET,
  });
  if (!key.ok) return key;
  const waits = rules?.some(({ type }) => type === "required_reviewers" || type === "wait_timer") === true;
  return ok({ name: found.value.name, deploys: deploys.value, waits, hasKey: key.value !== undefined });
}

export async function listEnvironments({ find }: Asking, repository: string): Answer<readonly string[]> {
  return everyPage(async (paging) => {
    const listed = await find("GET /repos/{owner}/{repo}/environments", { ...at(repository), ...paging });
    return listed.ok ? ok((listed.value?.environments ?? []).map(({ name }) => name)) : listed;
  });
}

/** Makes the environment where it isn't there, and its rule of branches this one. */
export async function setEnvironment(
  { ask, remove }: Asking,
  repository: string,
  environment: string,
  deploys: EnvironmentFacts["deploys"],
): Answer<void> {
  const place = { ...at(repository), environment_name: environment };
  const named = deploys !== "any" && deploys !== "protected";
  const rule = deploys === "any" ? null : { protected_branches: !named, custom_branch_policies: named };
  const made = await ask("PUT /repos/{owner}/{repo}/environments/{environment_name}", {
    ...place,
    deployment_branch_policy: rule,
  });
  if (!made.ok || !named) return done(made);
  // The new rules first, then the old ones go: at no moment may others deploy than before or after.
  const listed = await listBranchRules(ask, place);
  if (!listed.ok) return listed;
  for (const wanted of deploys.filter((each) => !listed.value.some((known) => known.rule === each))) {
    const [type = "", ...name] = wanted.split(":");
    const added = await ask("POST /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies", {
      ...place,
      name: name.join(":"),
      type: type === "tag" ? "tag" : "branch",
    });
    if (!added.ok) return added;
  }
  for (const { id } of listed.value.filter((each) => !deploys.includes(each.rule))) {
    const gone = await remove(
      "DELETE /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies/{branch_policy_id}",
      { ...place, branch_policy_id: id },
    );
    if (!gone.ok) return gone;
  }
  return ok(undefined);
}

async function readDeploys(
  { ask }: Asking,
  place: Place,
  rule: { protected_branches: boolean } | null | undefined,
): Answer<EnvironmentFacts["deploys"]> {
  if (rule == null) return ok("any");
  if (rule.protected_branches) return ok("protected");
  const listed = await listBranchRules(ask, place);
  return listed.ok ? ok(listed.value.map((each) => each.rule)) : listed;
}

/** Of an environment limited to selected branches and tags: each as `branch:main`. */
async function listBranchRules(ask: Asking["ask"], place: Place): Answer<readonly { id: number; rule: string }[]> {
  return everyPage(async (paging) => {
    const route = "GET /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies";
    const listed = await ask(route, { ...place, ...paging });
    if (!listed.ok) return listed;
    return ok(listed.value.branch_policies.map(({ id = 0, type = "branch", name = "" }) => ({ id, rule: `${type}:${name}` })));
  });
}
