import type { DoctorRunner, EnvironmentFacts, Facts } from "../facts.ts";
import { KEY_SECRET } from "../files.ts";
import { isLocked } from "../steps.ts";
import { policyOf } from "../policy-of.ts";
import { readWorkflow } from "../workflow.ts";
import { isAllowed } from "./allowed-actions.ts";
import { broken, list, see, unseen, well, type Check, type Verdict } from "./check.ts";
import { doctorAgain, gh, initAgain, inTurn, logIn, page } from "./fix.ts";
import { ofProtection, ofRunner, ofServed } from "./parts.ts";

/** Each credential of the policy with its environment. */
function ofEnvironments(
  facts: Facts,
  look: (
    pairs: readonly { name: string; keyless: boolean; environment: EnvironmentFacts | undefined }[],
    runner: DoctorRunner,
  ) => Verdict,
): Verdict {
  return ofRunner(facts, (runner) => {
    const policy = policyOf(facts);
    if (policy === undefined)
      return unseen("there is no valid policy that says which credentials there are", "mend policy-valid first");
    const pairs = policy.pool.map(({ name, kind }) => ({
      name,
      keyless: kind === "workload-identity",
      environment: runner.environments.find((each) => each.name.toLowerCase() === name),
    }));
    return look(pairs, runner);
  });
}

/** The runner repository: who can reach a key, and whether jobs run at all. */
export const RUNNER_CHECKS: readonly Check[] = [
  {
    name: "runner-there",
    proves: "the runner repository exists",
    look: (facts) =>
      see(facts.runner, logIn(facts), (runner) =>
        runner === null
          ? broken(`there is no repository ${facts.runnerName}, or you can't see it`, initAgain(facts))
          : well(`${runner.name} is there`),
      ),
  },
  {
    name: "runner-private",
    proves: "strangers can't read its runs",
    look: (facts) =>
      ofRunner(facts, ({ name, private: isPrivate }) =>
        isPrivate
          ? well(`${name} is private`)
          : broken(
              `${name} is public: anybody reads which credentials work on what`,
              gh(facts, "api", "-X", "PATCH", `repos/${name}`, "-F", "private=true"),
            ),
      ),
  },
  {
    name: "runner-unarchived",
    proves: "jobs can run there",
    look: (facts) =>
      ofRunner(facts, ({ name, archived }) =>
        archived
          ? broken(
              `${name} is archived: nothing runs there`,
              gh(facts, "api", "-X", "PATCH", `repos/${name}`, "-F", "archived=false"),
            )
          : well(`${name} takes jobs`),
      ),
  },
  {
    name: "runner-branch-protected",
    proves: "a change to the workflow that is handed the keys takes an approving review; who may go past that rule isn't judged",
    look: (facts) => ofRunner(facts, (runner) => ofProtection(facts, runner, "whoever can push there can read every key")),
  },
  {
    name: "environments-there",
    proves: "each credential of the policy has its environment",
    look: (facts) =>
      ofEnvironments(facts, (pairs) => {
        const missing = pairs.filter(({ environment }) => environment === undefined).map(({ name }) => name);
        if (missing.length === 0) return well("each credential has its environment");
        return broken(`no environment for ${list(missing)}`, initAgain(facts));
      }),
  },
  {
    name: "environments-locked",
    proves: "only jobs of the protected branch see a key",
    look: (facts) =>
      ofEnvironments(facts, (pairs, runner) => {
        const open = pairs.filter(({ environment }) => environment !== undefined && !isLocked(environment, runner));
        if (open.length === 0) return well(`each environment is open to jobs of ${runner.defaultBranch} alone`);
        return broken(
          `open to others than jobs of ${runner.defaultBranch}: ${list(open.map(({ name }) => name))}; any writer of the repository could read the key`,
          initAgain(facts),
        );
      }),
  },
  {
    name: "environments-do-not-wait",
    proves: "no job waits for a person or a timer",
    look: (facts) =>
      ofEnvironments(facts, (pairs, { name: repository }) => {
        const waiting = pairs.filter(({ environment }) => environment?.waits === true).map(({ name }) => name);
        if (waiting.length === 0) return well("no job waits for a reviewer or a timer");
        return broken(
          `each job waits for a reviewer or a timer: ${list(waiting)}`,
          page(facts, repository, "settings/environments"),
        );
      }),
  },
  {
    name: "environments-have-keys",
    proves: "each credential has a key; whether it is good, only a job can tell",
    look: (facts) =>
      ofEnvironments(facts, (pairs, { name: repository }) => {
        const empty = pairs
          .filter(({ keyless, environment }) => !keyless && environment?.hasKey === false)
          .map(({ name }) => name);
        if (empty.length === 0) return well("each credential's key is there (whether it is good, only a job can tell)");
        const fixes = empty.map((name) => gh(facts, "secret", "set", KEY_SECRET, "--repo", repository, "--env", name));
        return broken(`no ${KEY_SECRET} for ${list(empty)}`, inTurn(fixes));
      }),
  },
  {
    name: "keys-not-shadowed",
    proves: "no secret of the repository or organisation stands in for a missing key",
    look: (facts) =>
      ofRunner(facts, ({ name, secrets }) =>
        see(secrets, logIn(facts), ({ repository, organization }) => {
          const isOwn = repository.includes(KEY_SECRET);
          const isShared = organization.includes(KEY_SECRET);
          if (!isOwn && !isShared) return well("no other secret can be taken for a credential's key");
          const remove = gh(facts, "api", "-X", "DELETE", `repos/${name}/actions/secrets/${KEY_SECRET}`);
          // Other repositories may use it: who looks at the page sees which.
          const shared = page(facts, "organizations", facts.owner, "settings/secrets/actions");
          const whose = [isOwn ? "the repository" : "", isShared ? "the organisation" : ""].filter(Boolean).join(" and of ");
          return broken(
            `a ${KEY_SECRET} of ${whose} shows through where an environment has none: a job would use the wrong key`,
            isOwn ? `${remove}${isShared ? `   # and keep the organisation's from it: ${shared}` : ""}` : shared,
          );
        }),
      ),
  },
  {
    name: "runner-readers",
    proves: "who reads the runs may read every private repository that is served",
    look: (facts) =>
      ofRunner(facts, ({ name, readers }) =>
        see(readers, logIn(facts), (reads) =>
          ofServed(
            facts,
            (served) => served.readers,
            (served) => {
              const strangers = reads.filter((login) =>
                served.some(
                  (repository) => repository.private && "seen" in repository.readers && !repository.readers.seen.includes(login),
                ),
              );
              if (strangers.length === 0) return well(`who reads ${name} may read all that is served`);
              const fixes = strangers.map((login) => gh(facts, "api", "-X", "DELETE", `repos/${name}/collaborators/${login}`));
              return broken(
                `${list(strangers)} can read ${name}, and not every repository it serves: runs there tell what is worked on`,
                `${inTurn(fixes)}   # who reads it by a team or the base permission: ${page(facts, name, "settings/access")}`,
              );
            },
          ),
        ),
      ),
  },
  {
    name: "actions-enabled",
    proves: "GitHub Actions is on in the runner repository",
    look: (facts) =>
      ofRunner(facts, ({ name, actions }) =>
        see(actions, logIn(facts), ({ enabled }) =>
          enabled
            ? well("GitHub Actions is on")
            : broken(
                `GitHub Actions is off in ${name}`,
                // What is allowed then stays as it was; it isn't told while Actions is off.
                gh(facts, "api", "-X", "PUT", `repos/${name}/actions/permissions`, "-F", "enabled=true"),
              ),
        ),
      ),
  },
  {
    name: "actions-allowed",
    proves: "Actions' settings let the Action and GitHub's own run",
    look: (facts) =>
      ofRunner(facts, ({ name, actions, workflow }) =>
        see(actions, logIn(facts), (settings) => {
          if (!settings.enabled) return unseen("GitHub Actions is off", "mend actions-enabled first");
          const own = facts.release.action ?? { repository: "agent-pool/agent-pool", commit: "0".repeat(40) };
          const used = workflow === null ? undefined : readWorkflow(workflow.text)?.uses;
          const wanted = new Set([
            `${own.repository}/action@${own.commit}`,
            ...(used?.filter((each) => !each.startsWith("./")) ?? [`actions/upload-artifact@${"0".repeat(40)}`]),
          ]);
          const refused = [...wanted].filter((each) => !isAllowed(each, settings));
          if (refused.length === 0) return well("all that the workflow uses may be used");
          // An exclusion that holds them back counts for more than any pattern that lets them in.
          const kept = settings.patterns.filter(
            (pattern) =>
              !pattern.startsWith("!") ||
              isAllowed(`${own.repository}/action@${own.commit}`, { ...settings, allowed: "selected", patterns: ["*", pattern] }),
          );
          const foreign = refused.filter((each) => !each.startsWith(`${own.repository}/`) && !/^(actions|github)\//i.test(each));
          const patterns = new Set([...kept, `${own.repository}/*`, ...foreign]);
          const path = `repos/${name}/actions/permissions`;
          return broken(
            `Actions' settings don't allow ${list(refused)}`,
            inTurn([
              gh(facts, "api", "-X", "PUT", path, "-F", "enabled=true", "-f", "allowed_actions=selected"),
              gh(
                facts,
                "api",
                "-X",
                "PUT",
                `${path}/selected-actions`,
                "-F",
                "github_owned_allowed=true",
                ...[...patterns].flatMap((pattern) => ["-f", `patterns_allowed[]=${pattern}`]),
              ),
            ]),
          );
        }),
      ),
  },
  {
    name: "probe",
    proves: "on the real runner, app, sandbox and gateway do their part; by `--probe` alone, else unseen",
    look: (facts) =>
      see(facts.probe, doctorAgain(facts, "--probe"), ({ conclusion, page: run }) =>
        conclusion === "success"
          ? well(
              "on the real runner, the app took the job, the sandbox was tight, and the gateway refused what there was no budget for",
            )
          : broken(
              `the probe's job ended with ${conclusion}`,
              `${gh(facts, "run", "view", run.split("/").at(-1) ?? "", "--repo", facts.runnerName, "--log-failed")}   # or ${encodeURI(run)}`,
            ),
      ),
  },
  {
    name: "dispatch-locked",
    proves: "nobody but the App starts the workflow; GitHub's API doesn't tell, so it is always unseen",
    look: (facts) =>
      unseen(
        `GitHub's API doesn't tell whether a workflow execution policy lets the App alone dispatch the workflow of ${facts.runnerName}`,
        `${page(facts, ...("seen" in facts.account && facts.account.seen.kind === "User" ? [facts.runnerName] : ["organizations", facts.owner]), "settings/actions")}   # where the plan has it: allow the App and workflow_dispatch`,
      ),
  },
];
