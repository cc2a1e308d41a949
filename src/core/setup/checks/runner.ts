import type { DoctorRunner, EnvironmentFacts, Facts } from "../facts.ts";
import { KEY_SECRET } from "../files.ts";
import { isLocked } from "../steps.ts";
import { policyOf } from "./policy-of.ts";
import { broken, initAgain, list, LOG_IN, see, unseen, well, type Check, type Verdict } from "./check.ts";

function ofRunner(facts: Facts, look: (runner: DoctorRunner) => Verdict): Verdict {
  return see(facts.runner, LOG_IN, (runner) =>
    runner === null ? unseen("there is no runner repository", "mend runner-there first") : look(runner),
  );
}

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
      see(facts.runner, LOG_IN, (runner) =>
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
              `gh api -X PATCH repos/${name} -F private=true`,
            ),
      ),
  },
  {
    name: "runner-unarchived",
    proves: "jobs can run there",
    look: (facts) =>
      ofRunner(facts, ({ name, archived }) =>
        archived
          ? broken(`${name} is archived: nothing runs there`, `gh api -X PATCH repos/${name} -F archived=false`)
          : well(`${name} takes jobs`),
      ),
  },
  {
    name: "runner-branch-protected",
    proves: "a rule protects the branch whose workflow is handed the keys; what the rule asks isn't judged",
    look: (facts) =>
      ofRunner(facts, ({ name, defaultBranch, protection }) =>
        protection === "reviewed"
          ? well(`${defaultBranch} of ${name} is protected`)
          : broken(`${defaultBranch} of ${name} is not protected: whoever can push there can read every key`, initAgain(facts)),
      ),
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
          `${facts.pages}/${repository}/settings/environments`,
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
        const fixes = empty.map((name) => `gh secret set ${KEY_SECRET} --repo ${repository} --env ${name}`);
        return broken(`no ${KEY_SECRET} for ${list(empty)}`, fixes.join(" && "));
      }),
  },
  {
    name: "keys-not-shadowed",
    proves: "no secret of the repository or organisation stands in for a missing key",
    look: (facts) =>
      ofRunner(facts, ({ name, secrets }) =>
        see(secrets, LOG_IN, ({ repository, organization }) => {
          const fixes = [
            ...(repository.includes(KEY_SECRET) ? [`gh api -X DELETE repos/${name}/actions/secrets/${KEY_SECRET}`] : []),
            ...(organization.includes(KEY_SECRET) ? [`gh api -X DELETE orgs/${facts.owner}/actions/secrets/${KEY_SECRET}`] : []),
          ];
          if (fixes.length === 0) return well("no other secret can be taken for a credential's key");
          return broken(
            `a ${KEY_SECRET} of the repository or the organisation shows through where an environment has none: a job would use the wrong key`,
            fixes.join(" && "),
          );
        }),
      ),
  },
  {
    name: "runner-readers",
    proves: "who reads the runs may read every private repository that is served",
    look: (facts) =>
      ofRunner(facts, ({ name, readers }) =>
        see(readers, LOG_IN, (reads) =>
          see(facts.served, WHERE_SERVED, (served) => {
            if (served.length === 0) return unseen("no repository to be served is known here", WHERE_SERVED);
            const blind = served.flatMap((repository) => ("unseen" in repository.readers ? [repository.name] : []));
            if (blind.length > 0) return unseen(`who reads ${list(blind)} can't be seen`, LOG_IN);
            const strangers = reads.filter((login) =>
              served.some(
                (repository) => repository.private && "seen" in repository.readers && !repository.readers.seen.includes(login),
              ),
            );
            if (strangers.length === 0) return well(`who reads ${name} may read all that is served`);
            const fixes = strangers.map((login) => `gh api -X DELETE repos/${name}/collaborators/${login}`);
            return broken(
              `${list(strangers)} can read ${name}, and not every repository it serves: runs there tell what is worked on`,
              fixes.join(" && "),
            );
          }),
        ),
      ),
  },
  {
    name: "actions-enabled",
    proves: "GitHub Actions is on in the runner repository",
    look: (facts) =>
      ofRunner(facts, ({ name, actions }) =>
        see(actions, LOG_IN, ({ enabled, allowed }) =>
          enabled
            ? well("GitHub Actions is on")
            : broken(
                `GitHub Actions is off in ${name}`,
                `gh api -X PUT repos/${name}/actions/permissions -F enabled=true -f allowed_actions=${allowed}`,
              ),
        ),
      ),
  },
  {
    name: "actions-allowed",
    proves: "Actions' settings let the Action and GitHub's own run",
    look: (facts) =>
      ofRunner(facts, ({ name, actions }) =>
        see(actions, LOG_IN, ({ allowed, githubOwned, patterns, enabled }) => {
          if (!enabled) return unseen("GitHub Actions is off", "mend actions-enabled first");
          const own = `${facts.release.action?.repository ?? "agent-pool/agent-pool"}/*`;
          if (allowed === "all") return well("the Action may be used");
          if (allowed === "selected" && githubOwned && patterns.some((pattern) => covers(pattern, own)))
            return well("the Action may be used");
          const kept = [...new Set([...patterns, own])].map((pattern) => `-f 'patterns_allowed[]=${pattern}'`).join(" ");
          return broken(
            `Actions' settings don't allow ${own} and GitHub's own actions`,
            `gh api -X PUT repos/${name}/actions/permissions -F enabled=true -f allowed_actions=selected && gh api -X PUT repos/${name}/actions/permissions/selected-actions -F github_owned_allowed=true ${kept}`,
          );
        }),
      ),
  },
  {
    name: "probe",
    proves: "on the real runner, app, sandbox and gateway do their part; by `--probe` alone, else unseen",
    look: (facts) =>
      see(facts.probe, `npx agent-pool doctor ${facts.owner} --probe`, ({ conclusion, page }) =>
        conclusion === "success"
          ? well("on the real runner, the app knew the job, the sandbox was tight, and the gateway held the key")
          : broken(
              `the probe's job ended with ${conclusion}`,
              `gh run view ${page.split("/").at(-1) ?? ""} --repo ${facts.runnerName} --log-failed   # or ${page}`,
            ),
      ),
  },
  {
    name: "dispatch-locked",
    proves: "nobody but the App starts the workflow; GitHub's API doesn't tell, so it is always unseen",
    look: (facts) =>
      unseen(
        `GitHub's API doesn't tell whether a workflow execution policy lets the App alone dispatch the workflow of ${facts.runnerName}`,
        `${facts.pages}/organizations/${facts.owner}/settings/actions   # where the plan has it: allow the App and workflow_dispatch`,
      ),
  },
];

const WHERE_SERVED = "run doctor where the app's .env is, or name repositories by --repository";

/** As GitHub reads `patterns_allowed`: `*` stands for anything. */
function covers(pattern: string, wanted: string): boolean {
  const [before = "", ...after] = pattern.split("@")[0]?.split("*") ?? [];
  return after.length === 0 ? wanted === `${before}/*` || wanted === before : wanted.startsWith(before);
}
