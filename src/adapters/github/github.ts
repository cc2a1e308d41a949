import type { Octokit } from "@octokit/rest";
import { RunId } from "#core/wire/ids.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { POLICY_REPOSITORY } from "#core/config/policy.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { mayWrite } from "#core/request/role.ts";
import { runTitle } from "#core/task/markers.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHub, GitHubFailure, Place, RunnerRepository, WorkflowRun } from "#ports/github.ts";
import { readArtifactFile } from "./artifact.ts";
import { answer, connectApp, timeout, type GitHubApp } from "./client.ts";
import { commenting, type Bot } from "./comments.ts";
import { createCommit } from "./commit.ts";
import { movingHeads } from "./heads.ts";
import { createMemory } from "./memory.ts";
import { readBlob, readFiles, readMerged } from "./merged.ts";
import { checking } from "./own-checks.ts";
import { readOwnComments, readPlaces } from "./places.ts";
import { commentsPurpose, historyPurpose, membersPurpose, runnerPurpose, writePurpose } from "./purposes.ts";
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

  const at = (place: Place) => ({ owner: place.owner.login, repo: place.repository.name });
  const ofRunner = (runner: RunnerRepository) => ({ owner: runner.owner.login, repo: runner.name });

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
          client.request(route, { ...ofRunner(runner), environment_name: environment, request: timeout() }),
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

    readPlaces: () =>
      readPlaces(octokit, (installation, read) => under({ installation, permissions: { metadata: "read" } }, read)),

    async readOwnComments(place, withinMs) {
      const self = await readBot(place);
      if (!self.ok) return self;
      const since = new Date(Date.now() - withinMs).toISOString();
      return under(commentsPurpose(place), (client) => readOwnComments(client, place, { bot: self.value.id, since }));
    },

    ...commenting({ under, readBot, meet: (met) => (bot = met), pageOf }),

    async findRun(installation, runner, workflow, lease) {
      const route = "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs";
      const listed = await call(runnerPurpose(installation, runner.name), route, (client) =>
        client.request(route, {
          ...ofRunner(runner),
          workflow_id: workflow,
          event: "workflow_dispatch",
          per_page: 100,
          request: timeout(),
        }),
      );
      if (!listed.ok) return listed;
      // Two runs of one lease can exist after an answer was lost; the oldest is the one, the other finds its claim taken.
      const named = listed.value.workflow_runs.filter((run) => run.display_title === runTitle(lease));
      const oldest = named.toSorted((a, b) => Number(a.id) - Number(b.id))[0];
      return ok(oldest === undefined ? undefined : toRun(oldest));
    },

    async readRun(installation, runner, run) {
      const route = "GET /repos/{owner}/{repo}/actions/runs/{run_id}";
      const read = await call(runnerPurpose(installation, runner.name), route, (client) =>
        client.request(route, { ...ofRunner(runner), run_id: run, request: timeout() }),
      );
      return read.ok ? ok(toRun(read.value)) : read;
    },

    async dispatchRun(installation, runner, workflow, inputs) {
      const done = await call(runnerPurpose(installation, runner.name), EFFECTS.dispatchRun, (client) =>
        client.request(EFFECTS.dispatchRun, {
          ...ofRunner(runner),
          workflow_id: workflow,
          ref: runner.defaultBranch,
          inputs,
          // Answered with the run's id since 2026-02-19; before, and on older servers, with nothing.
          return_run_details: true,
          request: timeout(),
        }),
      );
      if (!done.ok) return done;
      const id: unknown = typeof done.value === "object" ? Reflect.get(done.value, "workflow_run_id") : undefined;
      const url: unknown = typeof done.value === "object" ? Reflect.get(done.value, "html_url") : undefined;
      return ok(typeof id === "number" && typeof url === "string" ? { id: RunId(id), url } : undefined);
    },

    async cancelRun(installation, runner, run) {
      const done = await call(runnerPurpose(installation, runner.name), EFFECTS.cancelRun, (client) =>
        client.request(EFFECTS.cancelRun, { ...ofRunner(runner), run_id: run, request: timeout() }),
      );
      return done.ok ? ok(undefined) : done;
    },

    async readArtifactFile(installation, runner, run, wanted) {
      return under(runnerPurpose(installation, runner.name), (client) => readArtifactFile(client, runner, run, wanted));
    },

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

function toRun(run: { id: number | bigint; html_url: string; status: string | null; conclusion: string | null }): WorkflowRun {
  return { id: RunId(Number(run.id)), url: run.html_url, status: run.status ?? "unknown", conclusion: run.conclusion };
}
