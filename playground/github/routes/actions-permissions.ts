import { answer, notSupplied, refusal, type Answer } from "../answers.ts";
import { repositoryUrl } from "../shapes/urls.ts";
import type { ActionsPermissions } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

export const getActionsPermissions: RepositoryHandler = (github, { repository }) => {
  const { enabled, allowed } = repository.actions;
  const url = `${repositoryUrl(github, repository)}/actions/permissions/selected-actions`;
  return answer(200, {
    enabled,
    ...(enabled ? { allowed_actions: allowed, sha_pinning_required: false } : {}),
    ...(enabled && allowed === "selected" ? { selected_actions_url: url } : {}),
  });
};

export const putActionsPermissions: RepositoryHandler = (_github, { repository, body }) => {
  const { enabled, allowed_actions: allowed } = body;
  if (typeof enabled !== "boolean") return notSupplied("enabled");
  repository.actions = { ...repository.actions, enabled, allowed: isAllowed(allowed) ? allowed : repository.actions.allowed };
  return answer(204);
};

export const getSelectedActions: RepositoryHandler = (_github, { repository }) => {
  const { allowed, selected } = repository.actions;
  if (allowed !== "selected") return notSelected();
  const { githubOwned, verified, patterns } = selected;
  return answer(200, { github_owned_allowed: githubOwned, verified_allowed: verified, patterns_allowed: patterns });
};

export const putSelectedActions: RepositoryHandler = (_github, { repository, body }) => {
  const { allowed, selected } = repository.actions;
  if (allowed !== "selected") return notSelected();
  const { github_owned_allowed: githubOwned, verified_allowed: verified, patterns_allowed: patterns } = body;
  repository.actions = {
    ...repository.actions,
    selected: {
      githubOwned: typeof githubOwned === "boolean" ? githubOwned : selected.githubOwned,
      verified: typeof verified === "boolean" ? verified : selected.verified,
      patterns: Array.isArray(patterns) ? patterns.map(String) : selected.patterns,
    },
  };
  return answer(204);
};

function isAllowed(value: unknown): value is ActionsPermissions["allowed"] {
  return value === "all" || value === "local_only" || value === "selected";
}

function notSelected(): Answer {
  return refusal(409, "Conflict");
}
