import { parseConfig } from "../../config/parse.ts";
import { CONFIG_FILE } from "../../config/policy.ts";
import { Settings } from "../../config/settings.ts";
import { TRIGGER_LABEL } from "../../request/command.ts";
import { describe } from "../../wire/failure.ts";
import type { BranchRuleFacts, DoctorServed } from "../facts.ts";
import { broken, list, unseen, well, type Check } from "./check.ts";
import { riskOf } from "./ci.ts";
import { editPage, gh, inTurn, page } from "./fix.ts";
import { always, ofServed } from "./parts.ts";

/** Rules that keep an App from making a branch of ours, or from going on with it. */
const CLOSING = new Set(["creation", "update", "branch_name_pattern"]);
/** Rules of merging, of removing, and of signatures, which the App's commits have from GitHub: nothing to a branch of ours. */
const HARMLESS = new Set([
  "deletion",
  "non_fast_forward",
  "pull_request",
  "required_status_checks",
  "required_linear_history",
  "required_deployments",
  "required_signatures",
  "code_scanning",
  "code_quality",
  "copilot_code_review",
  "merge_queue",
]);

type Ruled = { readonly name: string; readonly rule: BranchRuleFacts };

function rulesOf(served: readonly DoctorServed[]): readonly Ruled[] {
  return served.flatMap(({ name, rules }) => ("seen" in rules ? rules.seen.map((rule) => ({ name, rule })) : []));
}

function words({ type }: BranchRuleFacts): string {
  return type.replaceAll("_", " ");
}

/** Workflows that run what a model wrote beside secrets, before a person has looked. */
function openWorkflows({
  workflows,
  settings,
  public: isPublic,
}: DoctorServed): readonly { path: string; risk: "pushed" | "always" }[] {
  const parsed = settings === null ? undefined : parseConfig(CONFIG_FILE, settings.text, Settings);
  const said = parsed?.ok === true ? parsed.value.ci : undefined;
  // As a plan has it where nothing is said.
  const waits = said === "approved" || (said === undefined && isPublic === true);
  const all = "seen" in workflows ? workflows.seen : [];
  return all.flatMap(({ path, text }) => {
    const risk = riskOf(text);
    return risk === "none" || (risk === "pushed" && waits) ? [] : [{ path, risk }];
  });
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
              editPage(facts, name, defaultBranch, CONFIG_FILE, parsed.error.problems[0]?.line ?? 1),
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
        const fixes = missing.map((name) =>
          gh(facts, "api", "-X", "POST", `repos/${name}/labels`, "-f", `name=${TRIGGER_LABEL}`, "-f", "color=1f6feb"),
        );
        return broken(`no label ${TRIGGER_LABEL} in ${list(missing)}`, inTurn(fixes));
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
          const ruled = rulesOf(served);
          const settings = ({ name, rule }: Ruled): string =>
            `${page(facts, name, "rules", ...(rule.ruleset === null ? [] : [String(rule.ruleset)]))}   # leave agent-pool/** out, or let the App bypass it`;
          const closing = ruled.find(({ rule }) => CLOSING.has(rule.type));
          if (closing !== undefined)
            return broken(
              `a ruleset of ${closing.name} (${words(closing.rule)}) may keep the App from making its branches`,
              settings(closing),
            );
          const unknown = ruled.find(({ rule }) => !HARMLESS.has(rule.type));
          if (unknown === undefined) return well("rulesets let the App make its branches");
          return unseen(
            `whether the App's branches pass a ruleset of ${unknown.name} (${words(unknown.rule)}) isn't judged here`,
            settings(unknown),
          );
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
            const risky = openWorkflows(repository);
            return risky.length === 0 ? [] : [{ repository, risky }];
          });
          const [first] = open;
          if (first === undefined)
            return well(
              "by what the workflow files say, none runs model-written code beside secrets before a person has looked at it",
            );
          const { name, defaultBranch, settings } = first.repository;
          const why = `in ${name}, ${list(first.risky.map(({ path }) => path))} would run model-written code beside secrets`;
          const unheld = first.risky.find(({ risk }) => risk === "always");
          if (unheld !== undefined)
            return broken(
              `${why}; pull_request_target runs whatever \`ci\` says`,
              `${editPage(facts, name, defaultBranch, unheld.path)}   # start it by pull_request instead, which ci: approved holds back`,
            );
          const where =
            settings === null
              ? `${page(facts, name, "new", defaultBranch)}?filename=${encodeURIComponent(CONFIG_FILE)}`
              : editPage(facts, name, defaultBranch, CONFIG_FILE);
          return broken(why, `${where}   # set ci: approved, or keep that workflow from agent-pool/** and from secrets`);
        },
      ),
  },
];
