import type { Octokit } from "@octokit/rest";
import { OwnerId, RepositoryId, type InstallationId } from "#core/wire/ids.ts";
import { HOUR_MS, MINUTE_MS } from "#core/wire/units.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { Answer, GitHubFailure, RunnerRepository } from "#ports/github.ts";
import { answer, connectToken, timeout, type GitHubApp } from "./client.ts";

/** What a token is for: the least permissions that do it, and the repositories it reaches. */
export type Purpose = {
  readonly installation: InstallationId;
  readonly repositories?: readonly string[];
  readonly repositoryIds?: readonly number[];
  readonly permissions: Readonly<Record<string, "read" | "write">>;
};

/** Work with a purpose's client. */
export type Under = <T>(purpose: Purpose, work: (client: Octokit) => Answer<T>) => Answer<T>;

export type Token = {
  readonly value: string;
  readonly expiresAt: number;
  /** The repositories it was narrowed to, as they were when it was minted: GitHub sends them along, which saves a call each. */
  readonly repositories: readonly RunnerRepository[];
  /** By the same answer: their owner is an organisation, which may have teams. */
  readonly ofOrganization: boolean;
};

type Kept = { readonly installation: InstallationId; readonly token: Token; readonly client: Octokit; readonly mintedAt: number };

/**
 * Installation tokens, minted per purpose and repository and kept in memory until shortly before they end. Octokit's own
 * app strategy would do this as well, but drops the repositories of the answer, and each of those costs a call.
 */
export function createTokens(app: GitHubApp, octokit: Octokit) {
  const kept = new Map<string, Kept>();
  /** Who needs the same token at once shares one. */
  const asked = new Map<string, Promise<Result<Kept, GitHubFailure>>>();

  async function mint(purpose: Purpose): Promise<Result<Token, GitHubFailure>> {
    const route = "POST /app/installations/{installation_id}/access_tokens";
    const minted = await answer(route, () =>
      octokit.request(route, {
        installation_id: purpose.installation,
        permissions: purpose.permissions,
        ...(purpose.repositories === undefined ? {} : { repositories: [...purpose.repositories] }),
        ...(purpose.repositoryIds === undefined ? {} : { repository_ids: [...purpose.repositoryIds] }),
        request: timeout(),
      }),
    );
    if (!minted.ok) return minted;
    const { token, expires_at, repositories } = minted.value.data;
    return ok({
      value: token,
      expiresAt: Date.parse(expires_at),
      repositories: (repositories ?? []).map((repository) => ({
        id: RepositoryId(Number(repository.id)),
        name: repository.name,
        owner: { id: OwnerId(Number(repository.owner.id)), login: repository.owner.login },
        private: repository.private,
        defaultBranch: repository.default_branch,
      })),
      ofOrganization: repositories?.[0]?.owner.type === "Organization",
    });
  }

  async function mintToKeep(key: string, purpose: Purpose): Promise<Result<Kept, GitHubFailure>> {
    const minted = await mint(purpose);
    if (!minted.ok) return minted;
    const client = connectToken(app, minted.value.value);
    const fresh = { installation: purpose.installation, token: minted.value, client, mintedAt: performance.now() };
    kept.set(key, fresh);
    return ok(fresh);
  }

  return {
    /** A token nobody else has: to be handed out. */
    mint,
    /** A client for this purpose, and the token behind it, minted at most `maxAgeMs` ago. */
    async use(purpose: Purpose, maxAgeMs = HOUR_MS): Promise<Result<Kept, GitHubFailure>> {
      const key = JSON.stringify(purpose);
      const found = kept.get(key);
      const good = found !== undefined && found.token.expiresAt - Date.now() > 5 * MINUTE_MS;
      if (good && performance.now() - found.mintedAt <= maxAgeMs) return ok(found);
      const asking = asked.get(key) ?? mintToKeep(key, purpose).finally(() => asked.delete(key));
      asked.set(key, asking);
      return asking;
    },
    /** After a 401: what is kept is worth nothing. */
    forget(installation: InstallationId): void {
      for (const [key, entry] of kept) if (entry.installation === installation) kept.delete(key);
    },
  };
}
