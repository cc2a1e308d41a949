import { runChecks } from "./checks.ts";
import { makePersonToken } from "./credentials.ts";
import type { EmulatedGitHub } from "./emulated-github.ts";
import { setUpEnvironment } from "./environments.ts";
import { listRefs } from "./git-repository.ts";
import { changeInstallation, installApp, uninstallApp } from "./installations.ts";
import { emitMember } from "./issues.ts";
import { makeAccount, makePerson } from "./people.ts";
import { PULL_REQUESTS_ONLY } from "./protection.ts";
import { commitFiles, createRepository } from "./repositories.ts";
import { makeRunnerHost } from "./runner-host.ts";
import { putSecret, type Secret } from "./secrets.ts";
import { isPull } from "./shapes/pull.ts";
import { snapshotOf } from "./snapshot.ts";
import { protectedBranches } from "./plans.ts";
import { accountOf, iso, nextId, repositoryNamed, type Account, type GitHub } from "./state.ts";
import { redeliver } from "./webhooks.ts";

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
    setRegistration({ permissions, events }) {
      github.manifest = {
        ...github.manifest,
        ...(permissions === undefined ? {} : { default_permissions: permissions }),
        ...(events === undefined ? {} : { default_events: events }),
      };
    },
    installApp: (owner) => Promise.resolve(installApp(github, known(github, owner))),
    setInstallation(owner, change) {
      changeInstallation(github, known(github, owner), change);
    },
    uninstallApp(owner) {
      uninstallApp(github, known(github, owner));
    },
    createRepository: (wanted) => createRepository(github, wanted),
    createPerson: (login) => Promise.resolve(makePerson(github, makeAccount(github, login, "User"))),
    personToken: (login, scopes) => makePersonToken(github, known(github, login), scopes),
    setOrganizationRole(owner, login, role) {
      github.organizationRoles.set(`${known(github, owner).login}/${known(github, login).login}`.toLowerCase(), role);
    },
    setRole(name, login, role) {
      const repository = named(name);
      repository.roles.set(login.toLowerCase(), role);
      if (role !== "none") emitMember(github, repository, known(github, login));
    },
    setTeam(owner, slug, members) {
      const joined = Object.entries(members).map(([login, state]) => [known(github, login).login.toLowerCase(), state] as const);
      const key = `${known(github, owner).login}/${slug}`.toLowerCase();
      const id = github.teams.get(key)?.id ?? nextId(github);
      github.teams.set(key, { id, slug: slug.toLowerCase(), members: new Map(joined) });
    },
    protectBranch(name, branch) {
      named(name).protections.set(branch, PULL_REQUESTS_ONLY);
    },
    setBranchRules(name, branch, rules) {
      if (rules.length === 0) named(name).branchRules.delete(branch);
      else named(name).branchRules.set(branch, rules);
    },
    setSecret(name, secret, value) {
      putSecret(github, named(name).secrets, secret, value);
    },
    setOrganizationSecret(owner, secret, value) {
      const { id } = known(github, owner);
      const secrets = github.organizationSecrets.get(id) ?? new Map<string, Secret>();
      github.organizationSecrets.set(id, secrets);
      putSecret(github, secrets, secret, value);
    },
    createEnvironment(name, environment, rules) {
      setUpEnvironment(github, named(name), environment, rules);
    },
    push(name, branch, files, message, author) {
      const repository = named(name);
      const who = author === undefined ? repository.owner : known(github, author);
      return commitFiles(github, repository, branch, files, message, who);
    },
    setIssuesBelow(name, number, below) {
      const issue = named(name).issues.get(number);
      if (issue === undefined) throw new Error(`no issue ${String(number)} in ${name}`);
      issue.below = below;
    },
    refuseRuns(name, conclusion) {
      named(name).refusedRuns = conclusion;
    },
    deleteRun(name, run) {
      const { runs, artifacts } = named(name);
      if (runs.get(run)?.status !== "completed") throw new Error(`run ${String(run)} has not ended`);
      runs.delete(run);
      for (const artifact of artifacts.values()) if (artifact.run.id === run) artifacts.delete(artifact.id);
    },
    runChecks: (name, checks) => runChecks(github, named(name), checks),
    ...inspection(github),

    onCall(route, hook, times = "once") {
      const entry = { route, hook, times };
      github.hooks.add(entry);
      return () => void github.hooks.delete(entry);
    },
    snapshot: (owner) => snapshotOf(github, known(github, owner)),
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
  "checkRuns" | "threads" | "comments" | "pulls" | "branches" | "runs" | "calls" | "callList" | "resetCalls" | "violations"
>;

/** What is there, as the state knows it: no lag, no permissions. */
function inspection(github: GitHub): Inspection {
  const named = (name: string): ReturnType<typeof repositoryNamed> => repositoryNamed(github, name);
  return {
    checkRuns(name) {
      const suites = [...named(name).checkSuites.values()].filter(({ own }) => own);
      return suites.flatMap(({ sha, runs }) =>
        [...runs].map(([run, { id, conclusion, output }]) => {
          const { title = "", summary = "", annotations = [] } = output ?? {};
          return { id, commit: sha, name: run, conclusion, title, summary, annotations };
        }),
      );
    },
    threads(name, pull) {
      const issue = named(name).issues.get(pull);
      if (!isPull(issue)) throw new Error(`no pull request ${String(pull)} in ${name}`);
      return issue.pull.threads.map(({ path, resolved, comments }) => ({
        id: comments[0]?.id ?? 0,
        path,
        resolved,
        said: comments.map(({ user, body }) => ({ login: user.login, body })),
      }));
    },
    comments(name, issue) {
      const comments = [...named(name).comments.values()].filter((comment) => comment.issue.number === issue);
      return comments.map(({ id, user, body, createdAt, updatedAt, reactions }) => ({
        id,
        login: user.login,
        body,
        reactions: reactions.map((each) => `${each.user.login} ${each.content}`),
        createdAt: iso(createdAt),
        updatedAt: iso(updatedAt),
      }));
    },
    pulls(name) {
      const issues = [...named(name).issues.values()].filter(isPull);
      const pulls = issues.map(({ number, title, body, user, state, pull }) => {
        const { head, base, headSha, draft } = pull;
        const requested = [...pull.requested.map(({ login }) => login), ...pull.requestedTeams.map(({ slug }) => slug)];
        return { number, title, body: body ?? "", login: user.login, head, base, headSha, draft, requested, state };
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

function known(github: GitHub, login: string): Account {
  const account = accountOf(github, login);
  if (account === undefined) throw new Error(`no account ${login}: create it first`);
  return account;
}

function options(github: GitHub): { id: number; slug: string } {
  return { id: github.app.id, slug: github.app.slug };
}
