import type { Octokit } from "@octokit/rest";
import { MINUTE_MS } from "#core/wire/units.ts";
import { POLICY_REPOSITORY } from "#core/config/policy.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { mayWrite } from "#core/request/role.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHub, GitHubFailure, Place } from "#ports/github.ts";
import { followingBase } from "./base.ts";
import { answer, connectApp, at, timeout, type GitHubApp } from "./client.ts";
import { commenting, type Bot } from "./comments.ts";
import { createCommit } from "./commit.ts";
import { movingHeads } from "./heads.ts";
import { createMemory } from "./memory.ts";
import { readBlob, readFiles, readMerged } from "./merged.ts";
import { findingMissed } from "./missed.ts";
import { checking } from "./own-checks.ts";
import { readOwnComments, readPlaces } from "./places.ts";
import { commentsPurpose, historyPurpose, membersPurpose, runnerPurpose, writePurpose } from "./purposes.ts";
import { running } from "./runs.ts";
import { readSetUp } from "./set-up.ts";
import { readingSurroundings } from "./surroundings.ts";
import { isActiveMember } from "./teams.ts";
import { createTokens, type Purpose } from "./tokens.ts";

/** A role taken away, or a lock opened, is noticed within this time. */
const REMEMBERED_MS = 5 * MINUTE_MS;

/** GitHub as the app uses it: one method a thing it must know or do, each under the narrowest token that allows it. */
export function createGitHub(app: GitHubApp): GitHub {
  const octokit = connectApp(app);
  const tokens = createTokens(app, octokit);
  const memory = createMemory(REMEMBERED_MS);
  let bot: Bot | undefined;

  /** The one door to GitHub under a token: what is done with it is tried once, and a token that GitHub refuses is dropped. */
  async function under<T>(
    purpose: Purpose,
    work: (client: Octokit) => Promise<Result<T, GitHubFailure>>,
  ): Promise<Result<T, GitHubFailure>> {
    const opened = await tokens.use(purpose);
    if (!opened.ok) return opened;
    const done = await work(opened.value.client);
    if (!done.ok && done.error.reason === "github-unavailable" && done.error.tokenRefused) tokens.forget(purpose.installation);
    return done;
  }

  /** One call under a purpose's token. */
  async function call<T>(
    purpose: Purpose,
    route: string,
    request: (client: Octokit) => Promise<{ data: T; status: number }>,
  ): Promise<Result<T, GitHubFailure>> {
    return under(purpose, (client) => answer(route, async () => (await request(client)).data));
  }

  return {
    async readRole(place, login) {
      const route = "GET /repos/{owner}/{repo}/collaborators/{username}/permission";
      return memory.recall(`role ${String(place.repository.id)} ${login}`, mayWrite, async () => {
        const read = await call(await readPurpose(place), route, (client) =>
          client.request(route, { ...at(place), username: login, request: timeout() }),
        );
        if (!read.ok) return isMissing(read.error, route) ? ok(undefined) : read;
        const { permission, role_name: name, user } = read.value;
        // Bots and Apps have no standing, whatever role they were given.
        if (user?.type !== "User") return ok(undefined);
        return ok({ permission, name, userId: Number(user.id) });
      });
    },

    async readTeams(place, login, teams) {
      if (teams.length === 0) return ok([]);
      const product = await tokens.use(await readPurpose(place));
      if (!product.ok) return product;
      if (!product.value.token.ofOrganization) return ok([]);
      const found: string[] = [];
      for (const team of teams) {
        const key = `team ${String(place.owner.id)} ${team} ${login}`;
        const member = await memory.recall(key, Boolean, () =>
          under(membersPurpose(place), (client) => isActiveMember(client, place.owner.login, team, login)),
        );
        if (!member.ok) return member;
        if (member.value) found.push(team);
      }
      return ok(found);
    },

    async readSetUp(place) {
      return under(await readPurpose(place), (client) => readSetUp(client, place.owner.login, place.repository.name));
    },

    ...readingSurroundings(under),

    async readRunner(installation, repository) {
      const name = repository.slice(repository.indexOf("/") + 1);
      const opened = await tokens.use(runnerPurpose(installation, name), REMEMBERED_MS);
      if (!opened.ok) {
        const missing = opened.error.reason === "github-refused" && [404, 422].includes(opened.error.status);
        return missing ? ok(undefined) : opened;
      }
      return ok(opened.value.token.repositories.find((each) => each.name.toLowerCase() === name.toLowerCase()));
    },

    async readDeploymentBranches(installation, runner, environment) {
      const route = "GET /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies";
      const isLocked = (rules: readonly string[] | undefined) =>
        rules?.length === 1 && rules[0] === `branch:${runner.defaultBranch}`;
      return memory.recall(`branches ${String(runner.id)} ${environment}`, isLocked, async () => {
        // 404 says either: no such environment, or one not limited to selected branches. Source: safe-settings#746.
        const read = await call(runnerPurpose(installation, runner.name), route, (client) =>
          client.request(route, {
            owner: runner.owner.login,
            repo: runner.name,
            environment_name: environment,
            request: timeout(),
          }),
        );
        if (!read.ok) return isMissing(read.error, route) ? ok(undefined) : read;
        return ok(read.value.branch_policies.map((policy) => `${policy.type ?? "branch"}:${policy.name ?? ""}`));
      });
    },

    async mintFetchToken(place) {
      const minted = await tokens.mint({
        installation: place.installation,
        repositoryIds: [place.repository.id],
        permissions: { contents: "read", metadata: "read" },
      });
      return minted.ok ? ok(minted.value.value) : minted;
    },

    cloneUrl: (place) => `${pageOf(place)}.git`,

    readBot,
    readApp,

    readPlaces: (isWanted) =>
      readPlaces(octokit, (installation, read) => under({ installation, permissions: { metadata: "read" } }, read), isWanted),

    async readOwnComments(place, withinMs) {
      const self = await readBot(place);
      if (!self.ok) return self;
      const since = new Date(Date.now() - withinMs).toISOString();
      return under(commentsPurpose(place), (client) => readOwnComments(client, place, { bot: self.value.id, since }));
    },

    ...commenting({ under, readBot, meet: (met) => (bot = met), pageOf }),

    ...running(under),
    ...findingMissed(octokit, under),

    async createCommit(place, commit) {
      return under(writePurpose(place), (client) => createCommit(client, at(place), commit));
    },

    async findBranch(place, branch) {
      const route = "GET /repos/{owner}/{repo}/git/ref/{ref}";
      const read = await call(writePurpose(place), route, (client) =>
        client.request(route, { ...at(place), ref: `heads/${branch}`, request: timeout() }),
      );
      if (!read.ok) return isMissing(read.error, route) ? ok(undefined) : read;
      return ok(read.value.object.sha);
    },

    async createBranch(place, branch, commit) {
      const made = await call(writePurpose(place), EFFECTS.createBranch, (client) =>
        client.request(EFFECTS.createBranch, { ...at(place), ref: `refs/heads/${branch}`, sha: commit, request: timeout() }),
      );
      return made.ok ? ok(undefined) : made;
    },

    ...checking(under, app.appId),
    ...movingHeads(under),
    ...followingBase(under),

    readMerged: (place, after) => under(historyPurpose(place), (client) => readMerged(client, place, after)),
    readFiles: (place, tree) => under(historyPurpose(place), (client) => readFiles(client, place, tree)),
    readBlob: (place, blob) => under(historyPurpose(place), (client) => readBlob(client, place, blob)),

    async findPullRequest(place, head) {
      const route = "GET /repos/{owner}/{repo}/pulls";
      const listed = await call(writePurpose(place), route, (client) =>
        client.request(route, { ...at(place), head: `${place.owner.login}:${head}`, state: "all", request: timeout() }),
      );
      if (!listed.ok) return listed;
      const found = listed.value.at(-1);
      return ok(found === undefined ? undefined : { number: found.number, draft: found.draft === true });
    },

    async openPullRequest(place, pull) {
      const made = await call(writePurpose(place), EFFECTS.openPullRequest, (client) =>
        client.request(EFFECTS.openPullRequest, { ...at(place), ...pull, request: timeout() }),
      );
      return made.ok ? ok({ number: made.value.number, draft: made.value.draft === true }) : made;
    },
  };

  function pageOf(place: Place): string {
    const web = app.apiUrl
      .replace(/\/api\/v3\/?$/, "")
      .replace("://api.github.com", "://github.com")
      .replace(/\/$/, "");
    return `${web}/${place.owner.login}/${place.repository.name}`;
  }

  async function readBot(place: Place): Promise<Result<Bot, GitHubFailure>> {
    if (bot !== undefined) return ok(bot);
    const self = await readApp();
    if (!self.ok) return self;
    const route = "GET /users/{username}";
    const user = await call(await readPurpose(place), route, (client) =>
      client.request(route, { username: `${self.value.slug}[bot]`, request: timeout() }),
    );
    if (!user.ok) return user;
    const found = { id: Number(user.value.id), login: user.value.login };
    bot = found;
    return ok(found);
  }

  async function readApp(): Promise<Result<{ slug: string }, GitHubFailure>> {
    const route = "GET /app";
    const read = await answer(route, () => octokit.request(route, { request: timeout() }));
    return read.ok ? ok({ slug: read.value.data?.slug ?? "" }) : read;
  }

  /** The product repository and the policy's; where the App isn't installed on the latter, the product repository alone. */
  async function readPurpose(place: Place): Promise<Purpose> {
    const both: Purpose = {
      installation: place.installation,
      repositories: [place.repository.name, POLICY_REPOSITORY],
      permissions: { contents: "read", metadata: "read" },
    };
    const opened = await tokens.use(both);
    if (opened.ok || opened.error.reason === "github-unavailable") return both;
    return { ...both, repositories: [place.repository.name] };
  }
}

/** What this very call looked for isn't there. A 404 of the token's minting says that the App isn't installed. */
function isMissing(error: GitHubFailure, route: string): boolean {
  return error.reason === "github-refused" && error.status === 404 && error.route === route;
}
