import { answer, isRecord, notSupplied, page, refusal, upgradeNeeded, type Answer, type RepositoryRequest } from "../answers.ts";
import { resolve } from "../git-repository.ts";
import { hasAll } from "../plans.ts";
import { PROTECTION_FLAGS, PULL_REQUESTS_ONLY, rulesOf, type Protection } from "../protection.ts";
import { toBranchRule, toProtection } from "../shapes/protection.ts";
import { repositoryUrl } from "../shapes/urls.ts";
import type { GitHub } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

export const getProtection: RepositoryHandler = async (github, request) => {
  const { repository, params } = request;
  const refused = await refuse(github, request);
  if (refused !== undefined) return refused;
  const branch = params["branch"] ?? "";
  const protection = repository.protections.get(branch);
  return protection === undefined ? notProtected() : answer(200, toProtection(github, repository, branch, protection));
};

/** The whole of a branch's protection: GitHub wants four of its parts named, be it as null. */
export const putProtection: RepositoryHandler = async (github, request) => {
  const { repository, params, body } = request;
  const refused = await refuse(github, request);
  if (refused !== undefined) return refused;
  const parts = ["required_status_checks", "enforce_admins", "required_pull_request_reviews", "restrictions"];
  const missing = parts.find((part) => body[part] === undefined);
  if (missing !== undefined) return notSupplied(missing);
  if (body["restrictions"] !== null && repository.owner.type !== "Organization")
    return refusal(422, "Validation Failed", { errors: ["Only organization repositories can have users and team restrictions"] });
  const branch = params["branch"] ?? "";
  const protection = readProtection(body);
  repository.protections.set(branch, protection);
  return answer(200, toProtection(github, repository, branch, protection));
};

export const deleteProtection: RepositoryHandler = async (github, request) => {
  const refused = await refuse(github, request);
  if (refused !== undefined) return refused;
  return request.repository.protections.delete(request.params["branch"] ?? "") ? answer(204) : notProtected();
};

/** Rules apply by pattern, so a branch that doesn't exist has them too. */
export const listBranchRules: RepositoryHandler = (github, request) => {
  const { repository, params } = request;
  if (!hasAll(github, repository)) return upgradeNeeded();
  const branch = params["branch"] ?? "";
  const url = `${repositoryUrl(github, repository)}/rules/branches/${encodeURIComponent(branch)}`;
  const { items, headers } = page(request, url, rulesOf(github, repository, branch));
  return answer(
    200,
    items.map((rule) => toBranchRule(repository, rule)),
    headers,
  );
};

async function refuse(github: GitHub, { repository, params }: RepositoryRequest): Promise<Answer | undefined> {
  if (!hasAll(github, repository)) return upgradeNeeded();
  const sha = await resolve(repository.git, `refs/heads/${params["branch"] ?? ""}`);
  return sha === undefined ? refusal(404, "Branch not found") : undefined;
}

function notProtected(): Answer {
  return refusal(404, "Branch not protected");
}

function readProtection(body: Readonly<Record<string, unknown>>): Protection {
  const checks = body["required_status_checks"];
  const reviews = body["required_pull_request_reviews"];
  const restrictions = body["restrictions"];
  const flags = PROTECTION_FLAGS.map((flag) => [flag, body[flag] === true] as const);
  return {
    statusChecks: isRecord(checks) ? { strict: checks["strict"] === true, contexts: contextsOf(checks) } : null,
    enforceAdmins: body["enforce_admins"] === true,
    reviews: isRecord(reviews)
      ? {
          dismissStale: reviews["dismiss_stale_reviews"] === true,
          codeOwners: reviews["require_code_owner_reviews"] === true,
          count: Number(reviews["required_approving_review_count"] ?? 1),
          lastPush: reviews["require_last_push_approval"] === true,
        }
      : null,
    restrictions: isRecord(restrictions)
      ? { users: texts(restrictions["users"]), teams: texts(restrictions["teams"]), apps: texts(restrictions["apps"]) }
      : null,
    flags: { ...PULL_REQUESTS_ONLY.flags, ...Object.fromEntries(flags) },
  };
}

/** `contexts` is the older way to say `checks`. */
function contextsOf({ contexts, checks }: Readonly<Record<string, unknown>>): string[] {
  const named = Array.isArray(checks) ? checks.flatMap((check: unknown) => (isRecord(check) ? [check["context"]] : [])) : [];
  return [...new Set([...texts(contexts), ...texts(named)])];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}
