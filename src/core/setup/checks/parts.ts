import type { DoctorRunner, DoctorServed, Facts, RepositoryFacts, Seen } from "../facts.ts";
import { workflowPath, WORKFLOW_FILE } from "../files.ts";
import { policyOf } from "../policy-of.ts";
import { readWorkflow, type WorkflowReading } from "../workflow.ts";
import { broken, list, see, unseen, well, type Verdict } from "./check.ts";
import { doctorAgain, initAgain, logIn, page } from "./fix.ts";

/** What several checks begin with: they look at a part of the set-up, or say why it can't be looked at. */

export function ofRunner(facts: Facts, look: (runner: DoctorRunner) => Verdict): Verdict {
  return see(facts.runner, logIn(facts), (runner) =>
    runner === null ? unseen("there is no runner repository", "mend runner-there first") : look(runner),
  );
}

export function ofWorkflow(facts: Facts, look: (workflow: WorkflowReading) => Verdict): Verdict {
  return ofRunner(facts, ({ workflow }) => {
    const reading = workflow === null ? undefined : readWorkflow(workflow.text);
    return reading === undefined
      ? unseen("there is no workflow that uses the Action", "mend workflow-there first")
      : look(reading);
  });
}

/** The file that the app dispatches: as the policy names it, or as it is usually called. */
export function workflowFile(facts: Facts): string {
  const named = policyOf(facts)?.runner.workflow;
  return named === undefined ? WORKFLOW_FILE : workflowPath(named);
}

/** The address at which the app should be. */
export function ofAddress({ publicUrl }: Facts, look: (publicUrl: string) => Verdict): Verdict {
  return publicUrl === undefined
    ? unseen("where the app is isn't known here", "set PUBLIC_URL, as the app has it")
    : look(publicUrl);
}

/** Whether what stands on the default branch was looked at by a second person. `danger`: what follows where it wasn't. */
export function ofProtection(facts: Facts, repository: RepositoryFacts, danger: string): Verdict {
  const { name, defaultBranch, protection } = repository;
  const branch = `${defaultBranch} of ${name}`;
  if (protection === "reviewed") return well(`a change to ${branch} takes an approving review`);
  if (protection === "none") return broken(`${branch} is not protected: ${danger}`, initAgain(facts));
  if (protection === "unseen")
    return unseen(`how ${branch} is protected is shown to its admins alone`, `have an admin of ${name} run doctor`);
  return broken(
    `the rules of ${branch} ask for no approving review: ${danger}`,
    `${page(facts, name, "settings", "branches")}   # ask for one there; init replaces no rule that stands`,
  );
}

/**
 * Every repository that is served. One that can't be seen doesn't hide what is wrong with another, and what was seen of the others
 * doesn't make it well. `part`: what of each the check needs to have seen.
 */
export function ofServed(
  facts: Facts,
  part: (repository: DoctorServed) => Seen<unknown>,
  look: (served: readonly DoctorServed[]) => Verdict,
): Verdict {
  return see(facts.served, logIn(facts), ({ repositories, blind, left }) => {
    const byName = doctorAgain(facts, "--repository", `${facts.owner}/NAME`);
    if (repositories.length === 0 && blind.length === 0 && left === 0)
      return unseen(
        "no repository to be served is known here: none that the App is installed on, as far as that is seen, has the label or settings",
        byName,
      );
    const seen = repositories.filter((repository) => "seen" in part(repository));
    const verdict = look(seen);
    if (verdict.ok === false) return verdict;
    const hidden = [
      ...blind,
      ...repositories.flatMap((repository) => {
        const found = part(repository);
        return "unseen" in found ? [{ name: repository.name, unseen: found.unseen }] : [];
      }),
    ];
    const [first] = hidden;
    if (first !== undefined)
      return unseen(
        hidden.length === 1
          ? `${first.name}: ${first.unseen}`
          : `${list(hidden.map(({ name }) => name))} can't be seen; of ${first.name}: ${first.unseen}`,
        logIn(facts),
      );
    if (left === 0 || verdict.ok === null) return verdict;
    return unseen(`${verdict.why}; but ${String(left)} more that the App is installed on were not looked at`, byName);
  });
}

export const always = (): Seen<unknown> => ({ seen: true });
