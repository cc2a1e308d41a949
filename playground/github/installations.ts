import type { InstallationChange } from "./emulated-github.ts";
import { toInstallation, toUser } from "./shapes/account.ts";
import { nodeId } from "./shapes/urls.ts";
import {
  fullName,
  installationOf,
  nextId,
  nowOf,
  repositoryNamed,
  type Account,
  type GitHub,
  type Installation,
  type Repository,
} from "./state.ts";
import { deliver } from "./webhooks.ts";

/** Covers all of the owner's repositories, now and later, unless that is changed. */
export function installApp(github: GitHub, account: Account): number {
  const before = installationOf(github, account);
  if (before !== undefined) return before.id;
  const id = nextId(github);
  const installation: Installation = { id, account, createdAt: nowOf(github), repositoryIds: "all", suspendedAt: null };
  github.installations.set(id, installation);
  emitInstallation(github, installation, "created");
  return id;
}

export function changeInstallation(github: GitHub, account: Account, change: InstallationChange): void {
  const installation = existing(github, account);
  const { permissions, events, repositories, suspended } = change;
  if (permissions !== undefined) installation.permissions = permissions;
  if (events !== undefined) installation.events = events;
  if (repositories !== undefined)
    installation.repositoryIds =
      repositories === "all" ? "all" : repositories.map((repository) => repositoryNamed(github, repository).id);
  if (suspended === undefined || suspended === (installation.suspendedAt !== null)) return;
  installation.suspendedAt = suspended ? nowOf(github) : null;
  emitInstallation(github, installation, suspended ? "suspend" : "unsuspend");
}

export function uninstallApp(github: GitHub, account: Account): void {
  const installation = existing(github, account);
  github.installations.delete(installation.id);
  for (const [value, token] of github.tokens) if (token.installation === installation) github.tokens.delete(value);
  emitInstallation(github, installation, "deleted");
}

function existing(github: GitHub, account: Account): Installation {
  const found = installationOf(github, account);
  if (found === undefined) throw new Error(`${account.login} has no installation: install the App first`);
  return found;
}

/** Installation events come unasked, whatever `app.yml` lists. */
function emitInstallation(github: GitHub, installation: Installation, action: string): void {
  const { account, repositoryIds } = installation;
  const covered = [...github.repositories.values()].filter(
    ({ id, owner }) => owner.id === account.id && (repositoryIds === "all" || repositoryIds.includes(id)),
  );
  deliver(github, "installation", null, {
    action,
    installation: toInstallation(github, installation),
    repositories: covered.map(toNamed),
    sender: toUser(github, account),
  });
}

function toNamed(repository: Repository): Readonly<Record<string, unknown>> {
  const { id, name } = repository;
  return { id, node_id: nodeId("Repository", id), name, full_name: fullName(repository), private: repository.private };
}
