import { fullName, type Account, type GitHub, type Repository } from "../state.ts";

/** GitHub's opaque global ids. */
export function nodeId(kind: string, id: number | string): string {
  return Buffer.from(`${kind}:${String(id)}`).toString("base64url");
}

export function repositoryUrl(github: GitHub, repository: Repository): string {
  return `${github.url}/repos/${fullName(repository)}`;
}

export function repositoryHtmlUrl(github: GitHub, repository: Repository): string {
  return `${github.htmlUrl}/${fullName(repository)}`;
}

export function cloneUrl(github: GitHub, repository: Repository): string {
  return `${github.url}/${fullName(repository)}.git`;
}

/** Brackets of a bot's login are escaped in its API address. */
export function userUrl(github: GitHub, account: Account): string {
  return `${github.url}/users/${encodeURIComponent(account.login)}`;
}

export function userHtmlUrl(github: GitHub, account: Account): string {
  return account.type === "Bot" ? `${github.htmlUrl}/apps/${github.app.slug}` : `${github.htmlUrl}/${account.login}`;
}
