import { parseConfig } from "../../config/parse.ts";
import { CONFIG_FILE } from "../../config/policy.ts";
import { Settings } from "../../config/settings.ts";
import { TRIGGER_LABEL } from "../../request/command.ts";
import { describe } from "../../wire/failure.ts";
import { record } from "../../wire/json.ts";
import type { DoctorServed, Facts, Seen } from "../facts.ts";
import { triggersOf, tryParse } from "../workflow.ts";
import { broken, list, LOG_IN, see, unseen, well, type Check, type Verdict } from "./check.ts";

const NONE = "no repository to be served is known here: run doctor where the app's .env is, or name some by --repository";

/** Every repository that is served; `part`: what of each the check needs to have seen. */
function ofServed(
  facts: Facts,
  part: (repository: DoctorServed) => Seen<unknown>,
  look: (served: readonly DoctorServed[]) => Verdict,
): Verdict {
  return see(facts.served, LOG_IN, (served) => {
    if (served.length === 0) return unseen(NONE, `npx agent-pool doctor ${facts.owner} --repository ${facts.owner}/NAME`);
    const blind = served.find((repository) => "unseen" in part(repository));
    const why = blind === undefined ? undefined : part(blind);
    return blind !== undefined && why !== undefined && "unseen" in why
      ? unseen(`${blind.name}: ${why.unseen}`, LOG_IN)
      : look(served);
  });
}
const always = (): Seen<unknown> => ({ seen: true });

/** Rules that keep an App from making a branch of ours, or may: what patterns say of names isn't read here. */
const CLOSING = new Set(["creation", "branch_name_pattern"]);

/** Workflows that model-written code runs in, with secrets in its reach, as soon as a branch of ours is pushed or proposed. */
function runsWithSecrets({ text }: { readonly text: string }): boolean {
  const on = tryParse(text)?.["on"];
  const triggers = triggersOf(on);
  if (triggers.includes("pull_request_target")) return true;
  const push = record(record(on)?.["push"]);
  // A list of branches leaves ours out, unless it begins with what ours begin with or anything at all.
  const branches = push?.["branches"];
  const pushes =
    triggers.includes("push") &&
    (!Array.isArray(branches) || branches.some((each) => /^(\*\*?$|\*\*\/|agent-pool)/.test(String(each)))) &&
    !(push !== undefined && branches === undefined && "tags" in push);
  if (!pushes && !triggers.includes("pull_request")) return false;
  return /\$\{\{[^}]*\bsecrets\.(?!GITHUB_TOKEN\b)\w+/.test(text) || /\bsecrets:\s*inherit\b/.test(text);
}

function waitsForApproval({ settings }: DoctorServed): boolean {
  const parsed = settings === null ? undefined : parseConfig(CONFIG_FILE, settings.text, Settings);
  return parsed?.ok === true && parsed.value.ci === "approved";
}

/** The repositories that are served. */
export const SERVED_CHECKS: readonly Check[] = [
  {
    name: "settings-valid",
    proves: "the settings of each served repository can be read",
    look: (facts) =>
      ofServed(facts, always, (served) => {
        for (const { name, settings, defaultBranch } of served) {
          const parsed = settings === null ? undefined : parseConfig(`${name}: ${CONFIG_FILE}`, settings.text, Settings);
          if (parsed?.ok === false)
            return broken(
              describe(parsed.error),
              `${facts.pages}/${name}/edit/${defaultBranch}/${CONFIG_FILE}#L${String(parsed.error.problems[0]?.line ?? 1)}`,
            );
        }
        return well("the settings of each repository are valid, or the usual ones");
      }),
  },
  {
    name: "trigger-label",
    proves: "the label that starts work is there",
    look: (facts) =>
      ofServed(facts, always, (served) => {
        const missing = served.filter(({ hasLabel }) => !hasLabel).map(({ name }) => name);
        if (missing.length === 0) return well(`the label ${TRIGGER_LABEL} is there to be set`);
        const fixes = missing.map((name) => `gh api -X POST repos/${name}/labels -f name=${TRIGGER_LABEL} -f color=1f6feb`);
        return broken(`no label ${TRIGGER_LABEL} in ${list(missing)}`, fixes.join(" && "));
      }),
  },
  {
    name: "branches-open",
    proves: "no ruleset keeps the App from making its branches",
    look: (facts) =>
      ofServed(
        facts,
        ({ rules }) => rules,
        (served) => {
          for (const { name, rules } of served) {
            const closing = "seen" in rules ? rules.seen.find(({ type }) => CLOSING.has(type)) : undefined;
            if (closing !== undefined)
              return broken(
                `a ruleset of ${name} (${closing.type.replaceAll("_", " ")}) may keep the App from making its branches`,
                `${facts.pages}/${name}/rules/${String(closing.ruleset ?? "")}   # leave agent-pool/** out, or let the App bypass it`,
              );
          }
          return well("rulesets let the App make its branches");
        },
      ),
  },
  {
    name: "ci-without-secrets",
    proves: "by what the workflow files say, none runs model-written code beside secrets before a person has looked",
    look: (facts) =>
      ofServed(
        facts,
        ({ workflows }) => workflows,
        (served) => {
          const open = served.flatMap((repository) => {
            const risky = "seen" in repository.workflows ? repository.workflows.seen.filter(runsWithSecrets) : [];
            return risky.length === 0 || waitsForApproval(repository) ? [] : [{ repository, risky }];
          });
          const [first] = open;
          if (first === undefined)
            return well(
              "by what the workflow files say, none runs model-written code beside secrets before a person has looked at it",
            );
          const { name, defaultBranch, settings } = first.repository;
          return broken(
            `in ${name}, ${list(first.risky.map(({ path }) => path))} would run model-written code beside secrets`,
            `${facts.pages}/${name}/${settings === null ? "new" : "edit"}/${defaultBranch}/${settings === null ? `?filename=${CONFIG_FILE}` : CONFIG_FILE}   # set ci: approved, or keep that workflow from agent-pool/** and from secrets`,
          );
        },
      ),
  },
];
