import type { Octokit } from "@octokit/rest";
import type { InstallationId } from "#core/wire/ids.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import { answer, connectToken, timeout, type GitHubApp } from "./client.ts";

/** What a token is for: the least permissions that do it, and the repositories it reaches. */
export type Purpose = {
  readonly installation: InstallationId;
  readonly repositories?: readonly string[];
  readonly repositoryIds?: readonly number[];
  readonly permissions: Readonly<Record<string, "read" | "write">>;
};

export type Token = {
  readonly value: string;
  readonly expiresAt: number;
  /** The repositories it was narrowed to, as GitHub sent them along: saves the calls to read them. */
  readonly repositories: readonly { id: number; name: string; owner: string; private: boolean; defaultBranch: string }[];
};

/**
 * Installation tokens, minted per purpose and repository and kept in memory until shortly before they end. Octokit's own
 * app strategy would do this as well, but drops the repositories of the answer, and each of those costs a call.
 */
export function createTokens(app: GitHubApp, octokit: Octokit) {
  const kept = new Map<string, { token: Token; client: Octokit }>();

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
        id: Number(repository.id),
        name: repository.name,
        owner: repository.owner.login,
        private: repository.private,
        defaultBranch: repository.default_branch,
      })),
    });
  }

  return {
    /** A token nobody else has: to be handed out. */
    mint,
    /** A client for this purpose, and the token behind it. */
    async use(purpose: Purpose): Promise<Result<{ client: Octokit; token: Token }, GitHubFailure>> {
      const key = JSON.stringify(purpose);
      const found = kept.get(key);
      if (found !== undefined && found.token.expiresAt - Date.now() > 5 * MINUTE_MS) return ok(found);
      const minted = await mint(purpose);
      if (!minted.ok) return minted;
      const fresh = { token: minted.value, client: connectToken(app, minted.value.value) };
      kept.set(key, fresh);
      return ok(fresh);
    },
    /** After a 401: what is kept is worth nothing. */
    forget(installation: InstallationId): void {
      for (const key of kept.keys()) if (key.includes(`"installation":${String(installation)}`)) kept.delete(key);
    },
  };
}
