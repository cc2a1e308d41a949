import { PROTECTION_FLAGS, type BranchRule, type Protection } from "../protection.ts";
import { accountOf, fullName, type GitHub, type Repository } from "../state.ts";
import { toApp, toUser, type Shape } from "./account.ts";
import { repositoryUrl } from "./urls.ts";
import { toTeam } from "./organization.ts";

/** `branch-protection`: what isn't asked for is left out, but for the flags. */
export function toProtection(github: GitHub, repository: Repository, branch: string, protection: Protection): Shape {
  const url = `${repositoryUrl(github, repository)}/branches/${encodeURIComponent(branch)}/protection`;
  const { statusChecks, reviews, restrictions, flags, enforceAdmins } = protection;
  return {
    url,
    ...(statusChecks === null
      ? {}
      : {
          required_status_checks: {
            url: `${url}/required_status_checks`,
            strict: statusChecks.strict,
            contexts: statusChecks.contexts,
            contexts_url: `${url}/required_status_checks/contexts`,
            checks: statusChecks.contexts.map((context) => ({ context, app_id: null })),
          },
        }),
    ...(reviews === null
      ? {}
      : {
          required_pull_request_reviews: {
            url: `${url}/required_pull_request_reviews`,
            dismiss_stale_reviews: reviews.dismissStale,
            require_code_owner_reviews: reviews.codeOwners,
            required_approving_review_count: reviews.count,
            require_last_push_approval: reviews.lastPush,
          },
        }),
    ...(restrictions === null ? {} : { restrictions: toRestrictions(github, repository, url, restrictions) }),
    required_signatures: { url: `${url}/required_signatures`, enabled: false },
    enforce_admins: { url: `${url}/enforce_admins`, enabled: enforceAdmins },
    ...Object.fromEntries(PROTECTION_FLAGS.map((flag) => [flag, { enabled: flags[flag] }])),
  };
}

function toRestrictions(
  github: GitHub,
  repository: Repository,
  protection: string,
  { users, teams, apps }: NonNullable<Protection["restrictions"]>,
): Shape {
  const url = `${protection}/restrictions`;
  const { owner } = repository;
  return {
    url,
    users_url: `${url}/users`,
    teams_url: `${url}/teams`,
    apps_url: `${url}/apps`,
    users: users.flatMap((login) => {
      const account = accountOf(github, login);
      return account === undefined ? [] : [toUser(github, account)];
    }),
    teams: teams.flatMap((slug) => {
      const team = github.teams.get(`${owner.login}/${slug}`.toLowerCase());
      return team === undefined ? [] : [toTeam(github, owner, team)];
    }),
    apps: apps.flatMap((slug) => (slug === github.app.slug ? [toApp(github)] : [])),
  };
}

/** `repository-rule-detailed`: one ruleset of the repository stands for all that a test sets. */
export function toBranchRule(repository: Repository, { type, parameters }: BranchRule): Shape {
  return {
    type,
    ...(parameters === undefined ? {} : { parameters }),
    ruleset_source_type: "Repository",
    ruleset_source: fullName(repository),
    ruleset_id: repository.id + 1,
  };
}
