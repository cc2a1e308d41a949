import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type Dispatcher } from "undici";
import { blocked, type Blocked, messageOf, whyFailed } from "#action/runner/failure.ts";
import { findProgram, isSafeUrl, type Surroundings } from "#action/runner/inputs.ts";
import type { Workspace } from "#action/runner/workspace.ts";
import type { Claim } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { type Git, runGit } from "./git.ts";

export type FetchDeps = {
  readonly surroundings: Surroundings;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  readonly until: number;
};

const FETCH_TRIES = 3;
const REVOKE_TRIES = 5;
const FETCH_MS = 10 * MINUTE_MS;
const TOO_LARGE =
  "Its files alone, without their history, are fetched, for ten minutes at most: a repository that takes longer needs a runner nearer to GitHub, or its large files kept elsewhere.";

/**
 * Fetches exactly the base commit and checks it out. The one-fetch token travels in git's environment alone (never on
 * disk or in argv) and is revoked before this returns, whether or not the fetch went well: nothing after this could
 * use it. A revocation that fails ends the job.
 * Errors: fetchFailed.
 */
export async function fetchBase(
  deps: FetchDeps,
  workspace: Workspace,
  checkout: Claim["checkout"],
): Promise<Result<Git, Blocked>> {
  const fetched = await fetchCommit(deps, workspace, checkout);
  const revoked = await revokeToken(deps, checkout.token);
  if (!fetched.ok) return fetched;
  if (!revoked.ok) return revoked;
  const git = fetched.value;
  const checkedOut = await runGit(git, {
    args: ["checkout", "--quiet", "--force", "--detach", checkout.base],
    until: deps.until,
    signal: deps.signal,
  });
  if (checkedOut.killed) return err(blocked("fetchFailed", `git could not check out ${checkout.base} in time. ${TOO_LARGE}`));
  if (checkedOut.exitCode !== 0)
    return err(blocked("fetchFailed", `git could not check out ${checkout.base}: ${whyFailed(checkedOut)}`));
  return ok(git);
}

async function fetchCommit(deps: FetchDeps, workspace: Workspace, checkout: Claim["checkout"]): Promise<Result<Git, Blocked>> {
  if (!isSafeUrl(checkout.cloneUrl))
    return err(blocked("fetchFailed", "The clone address must be https and hold no credentials."));
  const { path } = deps.surroundings;
  const program = await findProgram(path, "git");
  if (program === undefined) return err(blocked("fetchFailed", "There is no git on the runner's PATH."));
  const git: Git = { program, workTree: workspace.repo, home: workspace.hidden, path };
  const initialised = await runGit(git, { args: ["init", "--quiet", "--template="], until: deps.until });
  if (initialised.exitCode !== 0) return err(blocked("fetchFailed", `git init failed: ${whyFailed(initialised)}`));
  // Empty, but there: the sandbox binds it read-only, and can't create it below a read-only `.git`.
  await mkdir(join(workspace.repo, ".git", "hooks"), { recursive: true });
  const basic = Buffer.from(`x-access-token:${checkout.token}`).toString("base64");
  const { origin } = new URL(checkout.cloneUrl);
  const env = {
    ...deps.surroundings.network,
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: `http.${origin}/.extraheader`,
    GIT_CONFIG_VALUE_0: `AUTHORIZATION: basic ${basic}`,
  };
  const args = [
    "fetch",
    "--quiet",
    "--depth=1",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    checkout.cloneUrl,
    checkout.base,
  ];
  for (let tries = 1; ; tries += 1) {
    const until = Math.min(deps.until, performance.now() + FETCH_MS);
    const fetched = await runGit(git, { args, env, until, signal: deps.signal });
    if (fetched.exitCode === 0) return ok(git);
    if (fetched.killed) return err(blocked("fetchFailed", `git could not fetch ${checkout.base} in time. ${TOO_LARGE}`));
    if (tries === FETCH_TRIES) return err(blocked("fetchFailed", `git could not fetch ${checkout.base}: ${whyFailed(fetched)}.`));
    await sleep(tries * 2 * SECOND_MS);
  }
}

/** `DELETE /installation/token`, GitHub REST "Apps": 204; 401 says that it is no longer valid, which is as good. */
export async function revokeToken(
  deps: Pick<FetchDeps, "surroundings" | "dispatcher">,
  token: string,
): Promise<Result<void, Blocked>> {
  let message = "";
  for (let tries = 1; tries <= REVOKE_TRIES; tries += 1) {
    try {
      const url = new URL(`${deps.surroundings.githubApiUrl}/installation/token`);
      const headers = {
        authorization: `Bearer ${token}`,
        accept: "application/vnd.github+json",
        "user-agent": "agent-pool-action",
      };
      const response = await deps.dispatcher.request({
        origin: url.origin,
        path: url.pathname,
        method: "DELETE",
        headers,
        headersTimeout: 15 * SECOND_MS,
      });
      await response.body.dump();
      if (response.statusCode === 204 || response.statusCode === 401) return ok(undefined);
      message = `HTTP ${String(response.statusCode)}`;
    } catch (cause) {
      message = messageOf(cause);
    }
    if (tries < REVOKE_TRIES) await sleep(tries * SECOND_MS);
  }
  return err(
    blocked(
      "fetchFailed",
      `The token of the fetch could not be revoked (${message}), so nothing was started with it still valid.`,
    ),
  );
}
