import { findModel } from "../../config/catalog.ts";
import { harnessesFor } from "../../config/credential.ts";
import { parseConfig } from "../../config/parse.ts";
import { CONFIG_FILE, Policy, type RouteChoice } from "../../config/policy.ts";
import { TIERS, type Tier } from "../../wire/contract.ts";
import { describe } from "../../wire/failure.ts";
import { ownerOf } from "../names.ts";
import type { Facts, PolicyFacts } from "../facts.ts";
import { INIT_BRANCH, policyRepository } from "../steps.ts";
import { policyOf } from "./policy-of.ts";
import { broken, initAgain, list, LOG_IN, see, unseen, well, type Check, type Verdict } from "./check.ts";

function ofRepository(facts: Facts, look: (policy: PolicyFacts) => Verdict): Verdict {
  return see(facts.policy, LOG_IN, (policy) =>
    policy === null ? unseen(`there is no repository ${policyRepository(facts.owner)}`, "mend policy-there first") : look(policy),
  );
}

function ofPolicy(facts: Facts, look: (policy: Policy) => Verdict): Verdict {
  const policy = policyOf(facts);
  return policy === undefined ? unseen("there is no valid policy", "mend policy-valid first") : look(policy);
}

/** Where the policy is edited. */
function editPage(facts: Facts): string {
  const branch = "seen" in facts.policy ? (facts.policy.seen?.defaultBranch ?? "main") : "main";
  return `${facts.pages}/${policyRepository(facts.owner)}/edit/${branch}/${CONFIG_FILE}`;
}

/** Whether some credential of the pool opens the model to the harness. */
function isServed({ pool }: Policy, { harness, model }: RouteChoice): boolean {
  const provider = findModel(model)?.provider;
  return pool.some((entry) => entry.provider === provider && harnessesFor(entry.kind).includes(harness));
}

/** What a tier works with first: micro-dollars a million tokens of output, which is most of what work costs. */
function outputPrice(policy: Policy, tier: Tier): { readonly model: string; readonly price: number } | undefined {
  const choice = policy.tiers[tier].find((each) => isServed(policy, each));
  const row = choice === undefined ? undefined : findModel(choice.model);
  return row === undefined ? undefined : { model: row.model, price: row.price.output };
}

/** The owner's policy. */
export const POLICY_CHECKS: readonly Check[] = [
  {
    name: "policy-there",
    proves: "the policy is on the default branch of `.github`",
    look: (facts) =>
      see(facts.policy, LOG_IN, (policy) => {
        if (policy?.policy != null) return well(`${policyRepository(facts.owner)} has ${CONFIG_FILE}`);
        if (policy?.proposed != null)
          return broken(
            "the policy waits in a pull request",
            `gh api -X PUT repos/${policy.name}/pulls/${String(policy.proposed)}/merge && gh api -X DELETE repos/${policy.name}/git/refs/heads/${INIT_BRANCH}`,
          );
        return broken(`${policyRepository(facts.owner)} has no ${CONFIG_FILE}`, initAgain(facts));
      }),
  },
  {
    name: "policy-valid",
    proves: "the policy can be read, each model has a price, and the runner is the owner's",
    look: (facts) =>
      ofRepository(facts, ({ policy }) => {
        if (policy === null) return unseen("there is no policy", "mend policy-there first");
        const parsed = parseConfig(CONFIG_FILE, policy.text, Policy);
        if (!parsed.ok)
          return broken(describe(parsed.error), `${editPage(facts)}#L${String(parsed.error.problems[0]?.line ?? 1)}`);
        const { repository } = parsed.value.runner;
        if (ownerOf(repository) === facts.owner.toLowerCase())
          return well("the policy is valid, and each of its models has a price");
        return broken(`the policy's runner, ${repository}, is another owner's`, editPage(facts));
      }),
  },
  {
    name: "policy-branch-protected",
    proves: "a rule protects the branch that says what is spent; what the rule asks isn't judged",
    look: (facts) =>
      ofRepository(facts, ({ name, defaultBranch, protection }) =>
        protection === "reviewed"
          ? well(`${defaultBranch} of ${name} is protected`)
          : broken(
              `${defaultBranch} of ${name} is not protected: whoever can push there decides what is spent, and for whom`,
              initAgain(facts),
            ),
      ),
  },
  {
    name: "tiers-served",
    proves: "some credential can work for each tier",
    look: (facts) =>
      ofPolicy(facts, (policy) => {
        const idle = TIERS.filter((tier) => !policy.tiers[tier].some((choice) => isServed(policy, choice)));
        if (idle.length === 0) return well("the pool can serve every tier");
        const wants = idle.map(
          (tier) => `${tier} (${list(policy.tiers[tier].map(({ harness, model }) => `${harness} ${model}`))})`,
        );
        return broken(`no credential of the pool serves ${list(wants)}`, editPage(facts));
      }),
  },
  {
    name: "tiers-in-order",
    proves: "no tier costs less than the one below it",
    look: (facts) =>
      ofPolicy(facts, (policy) => {
        const priced = TIERS.flatMap((tier) => {
          const first = outputPrice(policy, tier);
          return first === undefined ? [] : [{ tier, ...first }];
        });
        const dearer = priced.find((each, at) => at > 0 && each.price < (priced[at - 1]?.price ?? 0));
        if (dearer === undefined) return well("no tier costs more than the one above it");
        const below = priced[priced.indexOf(dearer) - 1];
        return broken(
          `${dearer.tier} (${dearer.model}) costs less than ${below?.tier ?? ""} (${below?.model ?? ""}), which nothing is then worth starting with`,
          editPage(facts),
        );
      }),
  },
  {
    name: "teams-known",
    proves: "each team that the policy names exists",
    look: (facts) =>
      ofPolicy(facts, () =>
        see(facts.strangers, LOG_IN, ({ teams }) =>
          teams.length === 0
            ? well("each team that the policy names is one of GitHub's")
            : broken(
                `GitHub knows no team ${list(teams)} of ${facts.owner}, or shows it to its members alone: it counts as empty`,
                teams.map((team) => `gh api -X POST orgs/${facts.owner}/teams -f name=${team} -f privacy=closed`).join(" && "),
              ),
        ),
      ),
  },
  {
    name: "people-known",
    proves: "each login that the policy names exists",
    look: (facts) =>
      ofPolicy(facts, () =>
        see(facts.strangers, LOG_IN, ({ people }) =>
          people.length === 0
            ? well("each login that the policy names is a person's")
            : broken(`GitHub knows nobody called ${list(people)}`, editPage(facts)),
        ),
      ),
  },
];
