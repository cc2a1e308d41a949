import { runChecks } from "./checks.ts";
import type { EmulatedGitHub } from "./emulated-github.ts";
import { listRefs } from "./git-repository.ts";
import { emitMember } from "./issues.ts";
import { makeAccount, makePerson } from "./people.ts";
import { commitFiles, createRepository } from "./repositories.ts";
import { makeRunnerHost } from "./runner-host.ts";
import { toInstallation, toUser } from "./shapes/account.ts";
import { isPull } from "./shapes/pull.ts";
import { nodeId } from "./shapes/urls.ts";
import { protectedBranches } from "./plans.ts";
import { accountOf, fullName, installationOf, iso, nextId, nowOf, repositoryNamed, type Account, type GitHub } from "./state.ts";
import { deliver, redeliver } from "./webhooks.ts";

/** The side of the emulated GitHub that is not GitHub: what the demo and the tests set up, look at and break. */
export function makeControl(github: GitHub, close: () => Promise<void>): EmulatedGitHub {
  const named = (name: string): ReturnType<typeof repositoryNamed> => repositoryNamed(github, name);
  return {
    url: github.url,
    app: {
      ...options(github),
      privateKeyPem: github.app.privateKeyPem,
      botId: github.app.bot.id,
      botLogin: github.app.bot.login,
    },
    host: makeRunnerHost(github),

    createOwner({ login, kind }) {
      const account = makeAccount(github, login, kind);
      return Promise.resolve({ id: account.id, login: account.login, kind });
    },
    setPlan(owner, plan) {
      github.plans.set(known(github, owner).id, plan);
    },
    installApp: (owner) => Promise.resolve(installApp(github, known(github, owner))),
    createRepository: (wanted) => createRepository(github, wanted),
    createPerson: (login) => Promise.resolve(makePerson(github, makeAccount(github, login, "User"))),
    setRole(name, login, role) {
      const repository = named(name);
      repository.roles.set(login.toLowerCase(), role);
      if (role !== "none") emitMember(github, repository, known(github, login));
    },
    setTeam(owner, slug, members) {
      const joined = Object.entries(members).map(([login, state]) => [known(github, login).login.toLowerCase(), state] as const);
      github.teams.set(`${known(github, owner).login}/${slug}`.toLowerCase(), new Map(joined));
    },
    protectBranch(name, branch) {
      named(name).protectedBranches.add(branch);
    },
    createEnvironment(name, environment, rules) {
      named(name).environments.set(environment.toLowerCase(), {
        ...rules,
        id: nextId(github),
        name: environment,
        createdAt: nowOf(github),
      });
    },
    push(name, branch, files, message, author) {
      const repository = named(name);
      const who = author === undefined ? repository.owner : known(github, author);
      return commitFiles(github, repository, branch, files, message, who);
    },
    runChecks: (name, checks) => runChecks(github, named(name), checks),
    ...inspection(github),

    onCall(route, hook, times = "once") {
      const entry = { route, hook, times };
      github.hooks.add(entry);
      return () => void github.hooks.delete(entry);
    },
    deliveries: () => [...github.deliveries],
    redeliver: (id) => redeliver(github, id),
    async delivered() {
      while (github.pendingDeliveries.size > 0) await Promise.all(github.pendingDeliveries);
    },
    setWebhook(webhook) {
      github.webhook = webhook;
    },
    advanceClock(ms) {
      github.clockOffsetMs += ms;
    },
    setListingLag(ms) {
      github.listingLagMs = ms;
    },
    [Symbol.asyncDispose]: close,
  };
}

type Inspection = Pick<
  EmulatedGitHub,
  "comments" | "pulls" | "branches" | "runs" | "calls" | "callList" | "resetCalls" | "violations"
>;

/** What is there, as the state knows it: no lag, no permissions. */
function inspection(github: GitHub): Inspection {
  const named = (name: string): ReturnType<typeof repositoryNamed> => repositoryNamed(github, name);
  return {
    comments(name, issue) {
      const comments = [...named(name).comments.values()].filter((comment) => comment.issue.number === issue);
      return comments.map(({ id, user, body, createdAt, updatedAt }) => ({
        id,
        login: user.login,
        body,
        createdAt: iso(createdAt),
        updatedAt: iso(updatedAt),
      }));
    },
    pulls(name) {
      const issues = [...named(name).issues.values()].filter(isPull);
      const pulls = issues.map(({ number, title, body, user, state, pull }) => {
        const { head, base, headSha, draft } = pull;
        return { number, title, body: body ?? "", login: user.login, head, base, headSha, draft, state };
      });
      return Promise.resolve(pulls);
    },
    async branches(name) {
      const repository = named(name);
      const refs = await listRefs(repository.git, "refs/heads/");
      return refs.map(({ ref, sha }) => {
        const branch = ref.slice("refs/heads/".length);
        return { name: branch, sha, protected: protectedBranches(github, repository).has(branch) };
      });
    },
    runs(name) {
      return [...named(name).runs.values()].map(
        ({ id, number, workflow, title, status, conclusion, inputs, branch, sha, actor }) => {
          const place = { path: workflow.path, headBranch: branch, headSha: sha, actor: actor.login };
          return { id, number, title, status, conclusion, inputs, ...place };
        },
      );
    },
    calls(party) {
      const counts: Record<string, number> = {};
      for (const call of github.calls)
        if (party === undefined || call.party === party) counts[call.route] = (counts[call.route] ?? 0) + 1;
      return counts;
    },
    callList: () => [...github.calls],
    resetCalls() {
      github.calls = [];
    },
    violations: () => [...github.violations],
  };
}

/** Covers all of the owner's repositories, now and later. Installation events come unasked, whatever `app.yml` lists. */
function installApp(github: GitHub, account: Account): number {
  const before = installationOf(github, account);
  if (before !== undefined) return before.id;
  const installation = { id: nextId(github), account, createdAt: nowOf(github) };
  github.installations.set(installation.id, installation);
  const repositories = [...github.repositories.values()].filter(({ owner }) => owner.id === account.id);
  deliver(github, "installation", null, {
    action: "created",
    installation: toInstallation(github, installation),
    repositories: repositories.map((repository) => ({
      id: repository.id,
      node_id: nodeId("Repository", repository.id),
      name: repository.name,
      full_name: fullName(repository),
      private: repository.private,
    })),
    sender: toUser(github, account),
  });
  return installation.id;
}

function known(github: GitHub, login: string): Account {
  const account = accountOf(github, login);
  if (account === undefined) throw new Error(`no account ${login}: create it first`);
  return account;
}

function options(github: GitHub): { id: number; slug: string } {
  return { id: github.app.id, slug: github.app.slug };
}
