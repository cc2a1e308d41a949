import { setTimeout } from "node:timers/promises";
import { CONFIG_FILE, type Policy } from "#core/config/policy.ts";
import { TRIGGER_LABEL } from "#core/request/command.ts";
import { policyOf } from "#core/setup/policy-of.ts";
import type {
  AppFacts,
  DoctorRunner,
  DoctorServed,
  Facts,
  InstallationFacts,
  ProbeFacts,
  Seen,
  ServedView,
  ServerFacts,
  StrangersFacts,
} from "#core/setup/facts.ts";
import { WORKFLOW_FILE } from "#core/setup/files.ts";
import { policyRepository } from "#core/setup/steps.ts";
import { branchName } from "#core/task/markers.ts";
import { TaskId } from "#core/wire/ids.ts";
import { MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { AppView, ProbeRun } from "#ports/app-view.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { Operator } from "#ports/operator.ts";
import { readPolicyRepository, readRunner } from "./set-up-facts.ts";

/** Whom `doctor` asks. A part that isn't there, or doesn't answer, leaves what only it can tell unseen. */
export type Witnesses = {
  readonly operator: Operator | undefined;
  readonly app: AppView | undefined;
  /** How the app answers at its public address; the error says why nothing did. */
  readonly askServer: (publicUrl: string) => Promise<Result<ServerFacts, string>>;
  /** Told what is looked at, as it may take a while. */
  readonly tell: (what: string) => void;
};

export type Asked = Pick<Facts, "owner" | "release" | "pages" | "publicUrl"> & {
  /** `owner/name`, beside those that the App is installed on. */
  readonly repositories: readonly string[];
  /** What stands in a probe's dispatch; undefined: none is sent. */
  readonly probeId: string | undefined;
};

/** As the app would call one. */
const OUR_BRANCH = branchName(1, TaskId("00000000-0000-4000-8000-000000000000"));
/** A hosted runner starts within a minute; one that isn't there lets a job wait for a day. */
const PROBE_MS = 10 * MINUTE_MS;
const PROBE_POLL_MS = 2 * SECOND_MS;
/** A handful of calls each, under the operator's own limit. */
const MOST_SERVED = 100;

const NO_TOKEN = "no login of yours was found (gh, GH_TOKEN)";
const NO_APP = "the App's own key isn't here (APP_ID, PRIVATE_KEY)";

/** Looks at everything that `doctor` judges. Reads only. */
export async function readFacts(asked: Asked, witnesses: Witnesses): Promise<Facts> {
  const { owner, publicUrl } = asked;
  const { operator, app, askServer, tell } = witnesses;
  const ofOperator = <T>(read: (operator: Operator) => Promise<Result<T, GitHubFailure>>): Promise<Seen<T>> =>
    operator === undefined ? Promise.resolve({ unseen: NO_TOKEN }) : look(read(operator));
  const ofApp = <T>(read: (view: AppView) => Promise<Result<T, GitHubFailure>>): Promise<Seen<T>> =>
    app === undefined ? Promise.resolve({ unseen: NO_APP }) : look(read(app));

  tell("the app");
  const server = publicUrl === undefined ? undefined : await askServer(publicUrl);
  const appFacts: Seen<AppFacts> = await ofApp((view) => view.readApp());
  const installation = await ofApp(async (view) => orNull(await view.readInstallation(owner)));
  const account = await ofOperator((each) => each.readOwner(owner));
  tell(policyRepository(owner));
  const policy = await ofOperator((each) => readPolicyRepository(each, policyRepository(owner)));
  const ruled = policyOf({ policy });
  const runnerName = ruled?.runner.repository ?? `${owner}/agent-runner`;
  tell(runnerName);
  const runner = await ofOperator((each) => readDoctorRunner(each, runnerName, ruled));
  const strangers = await ofOperator((each) => readStrangers(each, owner, ruled));
  const served: Seen<ServedView> =
    operator === undefined
      ? { unseen: NO_TOKEN }
      : { seen: await readServed(operator, servedNames(asked, installation, runnerName), asked.repositories.length > 0, tell) };
  const probe = await readProbe(asked, witnesses, { installation, policy: ruled, runner });
  return {
    ...asked,
    server:
      server === undefined
        ? { unseen: "PUBLIC_URL isn't known here" }
        : server.ok
          ? { seen: server.value }
          : { unseen: server.error },
    hasAppKey: app !== undefined,
    app: appFacts,
    installation,
    account:
      "seen" in account && account.seen === undefined ? { unseen: `GitHub knows no ${owner}` } : (account as Facts["account"]),
    policy,
    runnerName,
    runner,
    strangers,
    served,
    probe,
  };
}

async function look<T>(read: Promise<Result<T, GitHubFailure>>): Promise<Seen<T>> {
  const result = await read;
  if (result.ok) return { seen: result.value };
  const { error } = result;
  const refused = error.reason === "github-refused" ? error.status === 401 || error.status === 404 : error.tokenRefused;
  return { unseen: whyUnseen(error), ...(refused ? { refused } : {}) };
}

function whyUnseen({ message, route }: GitHubFailure): string {
  return `GitHub did not show it: ${message} (${route})`;
}

function orNull<T>(found: Result<T | undefined, GitHubFailure>): Result<T | null, GitHubFailure> {
  return found.ok ? { ok: true, value: found.value ?? null } : found;
}

/** Those that were named, else those that the App is installed on. Where it runs and what it obeys is served to nobody. */
function servedNames(
  { owner, repositories }: Asked,
  installation: Seen<InstallationFacts | null>,
  runner: string,
): readonly string[] {
  const covered = "seen" in installation ? (installation.seen?.repositories ?? []) : [];
  const apart = new Set([runner.toLowerCase(), policyRepository(owner).toLowerCase()]);
  return (repositories.length > 0 ? repositories : covered).filter((name) => !apart.has(name.toLowerCase()));
}

async function readDoctorRunner(
  operator: Operator,
  name: string,
  policy: Policy | undefined,
): Promise<Result<DoctorRunner | null, GitHubFailure>> {
  const workflow = policy?.runner.workflow ?? WORKFLOW_FILE.split("/").at(-1) ?? "";
  const credentials = policy?.pool.map((credential) => credential.name) ?? [];
  const runner = await readRunner(operator, name, { workflow, credentials });
  if (!runner.ok || runner.value === null) return runner.ok ? { ok: true, value: null } : runner;
  const value = {
    ...runner.value,
    workflowState: await look(operator.readWorkflowState(name, workflow).then(orNull)),
    actions: await look(operator.readActions(name)),
    secrets: await look(operator.readSecrets(name)),
    readers: await look(operator.readReaders(name)),
  };
  return { ok: true, value };
}

/** `named`: each is looked at as one that is served; else those are that have the label or settings of their own. */
async function readServed(
  operator: Operator,
  names: readonly string[],
  named: boolean,
  tell: Witnesses["tell"],
): Promise<ServedView> {
  const looked = named ? names : names.slice(0, MOST_SERVED);
  const left = names.length - looked.length;
  if (left > 0)
    tell(`the first ${String(MOST_SERVED)} of ${String(names.length)} repositories, the others by --repository alone,`);
  const repositories: DoctorServed[] = [];
  const blind: { name: string; unseen: string }[] = [];
  for (const name of looked) {
    tell(name);
    const found = await readOne(operator, name, named);
    if (found.ok && found.value !== undefined) repositories.push(found.value);
    else if (!found.ok) blind.push({ name, unseen: found.error });
  }
  return { repositories, blind, left };
}

/** undefined: it is not served. The error says why that, or how it stands, can't be seen. */
async function readOne(operator: Operator, name: string, named: boolean): Promise<Result<DoctorServed | undefined, string>> {
  const repository = await operator.readRepository(name);
  if (!repository.ok) return err(whyUnseen(repository.error));
  if (repository.value === undefined) return err("there is no such repository, or you can't see it");
  if (repository.value.archived) return named ? err("it is archived, and nothing is served there") : ok(undefined);
  const label = await operator.hasLabel(name, TRIGGER_LABEL);
  if (!label.ok) return err(whyUnseen(label.error));
  const settings = await operator.readFile(name, CONFIG_FILE);
  if (!settings.ok) return err(whyUnseen(settings.error));
  if (!named && !label.value && settings.value === undefined) return ok(undefined);
  return ok({
    ...repository.value,
    hasLabel: label.value,
    settings: settings.value ?? null,
    readers: await look(operator.readReaders(name)),
    rules: await look(operator.readBranchRules(name, OUR_BRANCH)),
    workflows: await look(operator.readWorkflows(name)),
  });
}

type ForProbe = {
  readonly installation: Seen<InstallationFacts | null>;
  readonly policy: Policy | undefined;
  readonly runner: Seen<DoctorRunner | null>;
};

/** Has a job run that does no work, and waits for its end. */
async function readProbe(
  { probeId }: Asked,
  { app, tell }: Witnesses,
  { installation, policy, runner }: ForProbe,
): Promise<Seen<ProbeFacts>> {
  if (probeId === undefined) return { unseen: "no probe was sent" };
  const credential = policy?.pool.find(({ kind }) => kind !== "workload-identity")?.name;
  const found = "seen" in runner ? runner.seen : null;
  const on = "seen" in installation ? installation.seen : null;
  if (app === undefined) return { unseen: NO_APP };
  if (policy === undefined || credential === undefined || found === null || on === null)
    return { unseen: "a probe needs the App installed, a runner repository, and a policy with a credential that has a key" };
  tell(`a probe on ${policy.runner["runs-on"]}, which takes a minute or two`);
  const place = { repository: found.name, branch: found.defaultBranch, workflow: policy.runner.workflow };
  const started = await app.startProbe(on.id, { id: probeId, credential, ...place });
  if (!started.ok) return { unseen: `GitHub did not start the probe: ${started.error.message}` };
  if (started.value === undefined) return { unseen: "GitHub didn't say which run the probe is" };
  const run = started.value;
  const conclusion = await awaitEnd(run, tell);
  await run.close();
  return { seen: { conclusion, page: run.page } };
}

/** How a run ended; one that doesn't in time is cancelled, since it would go on to wait for a machine. */
async function awaitEnd(run: ProbeRun, tell: Witnesses["tell"]): Promise<string> {
  const until = performance.now() + PROBE_MS;
  let unread: string | undefined;
  while (performance.now() < until) {
    await setTimeout(PROBE_POLL_MS);
    const conclusion = await run.readConclusion();
    if (conclusion.ok && conclusion.value !== undefined) return conclusion.value;
    unread = conclusion.ok ? undefined : conclusion.error.message;
    if (unread !== undefined) tell(`the probe once more, since GitHub answered: ${unread}`);
  }
  const cancelled = await run.cancel();
  return [
    `no end ${unread === undefined ? "" : `that GitHub showed (${unread}) `}within ten minutes`,
    cancelled.ok ? "and was cancelled" : `and could not be cancelled: ${cancelled.error.message}`,
  ].join(", ");
}

/** What the policy names and GitHub doesn't know. */
async function readStrangers(
  operator: Operator,
  owner: string,
  policy: Policy | undefined,
): Promise<Result<StrangersFacts, GitHubFailure>> {
  const roles = [policy?.roles?.operator, policy?.roles?.requester];
  const named = policy?.pool.flatMap(({ owner: login }) => login ?? []) ?? [];
  const teams = new Set([...Object.keys(policy?.teams ?? {}), ...roles.flatMap((role) => role?.teams ?? [])]);
  const people = new Set([...named, ...roles.flatMap((role) => role?.people ?? [])]);
  const strangers = { teams: [] as string[], people: [] as string[] };
  for (const team of teams) {
    const known = await operator.hasTeam(owner, team);
    if (!known.ok) return known;
    if (!known.value) strangers.teams.push(team);
  }
  for (const login of people) {
    const known = await operator.hasPerson(login);
    if (!known.ok) return known;
    if (!known.value) strangers.people.push(login);
  }
  return { ok: true, value: strangers };
}
