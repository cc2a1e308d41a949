import { findModel } from "../../config/catalog.ts";
import { harnessesFor } from "../../config/credential.ts";
import { parseConfig } from "../../config/parse.ts";
import { CONFIG_FILE, Policy, type RouteChoice } from "../../config/policy.ts";
import { TIERS, type Tier } from "../../wire/contract.ts";
import { describe } from "../../wire/failure.ts";
import { ownerOf } from "../names.ts";
import type { Facts, PolicyFacts } from "../facts.ts";
import { INIT_BRANCH, policyRepository } from "../steps.ts";
import { policyOf } from "../policy-of.ts";
import { broken, list, see, unseen, well, type Check, type Verdict } from "./check.ts";
import { editPage, gh, initAgain, inTurn, logIn } from "./fix.ts";
import { ofProtection } from "./parts.ts";

function ofRepository(facts: Facts, look: (policy: PolicyFacts) => Verdict): Verdict {
  return see(facts.policy, logIn(facts), (policy) =>
    policy === null ? unseen(`there is no repository ${policyRepository(facts.owner)}`, "mend policy-there first") : look(policy),
  );
}

function ofPolicy(facts: Facts, look: (policy: Policy) => Verdict): Verdict {
  const policy = policyOf(facts);
  return policy === undefined ? unseen("there is no valid policy", "mend policy-valid first") : look(policy);
}

/** Where the policy is edited. */
function policyPage(facts: Facts, line?: number): string {
  const branch = "seen" in facts.policy ? (facts.policy.seen?.defaultBranch ?? "main") : "main";
  return editPage(facts, policyRepository(facts.owner), branch, CONFIG_FILE, line);
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
      see(facts.policy, logIn(facts), (policy) => {
        if (policy?.policy != null) return well(`${policyRepository(facts.owner)} has ${CONFIG_FILE}`);
        if (policy?.proposed != null)
          return broken(
            "the policy waits in a pull request",
            inTurn([
              gh(facts, "api", "-X", "PUT", `repos/${policy.name}/pulls/${String(policy.proposed)}/merge`),
              gh(facts, "api", "-X", "DELETE", `repos/${policy.name}/git/refs/heads/${INIT_BRANCH}`),
            ]),
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
        if (!parsed.ok) return broken(describe(parsed.error), policyPage(facts, parsed.error.problems[0]?.line ?? 1));
        const { repository } = parsed.value.runner;
        if (ownerOf(repository) === facts.owner.toLowerCase())
          return well("the policy is valid, and each of its models has a price");
        return broken(`the policy's runner, ${repository}, is another owner's`, policyPage(facts));
      }),
  },
  {
    name: "policy-branch-protected",
    proves: "a change to what is spent takes an approving review; who may go past that rule isn't judged",
    look: (facts) =>
      ofRepository(facts, (policy) => ofProtection(facts, policy, "whoever can push there decides what is spent, and for whom")),
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
        return broken(`no credential of the pool serves ${list(wants)}`, policyPage(facts));
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
          policyPage(facts),
        );
      }),
  },
  {
    name: "teams-known",
    proves: "each team that the policy names exists",
    look: (facts) =>
      ofPolicy(facts, () =>
        see(facts.strangers, logIn(facts), ({ teams }) => {
          if (teams.length === 0) return well("each team that the policy names is one of GitHub's");
          if ("seen" in facts.account && facts.account.seen.kind === "User")
            return unseen(`a person's account has no teams: ${list(teams)} counts as empty`, policyPage(facts));
          return broken(
            `GitHub knows no team ${list(teams)} of ${facts.owner}, or shows it to its members alone: it counts as empty`,
            inTurn(
              teams.map((team) =>
                gh(facts, "api", "-X", "POST", `orgs/${facts.owner}/teams`, "-f", `name=${team}`, "-f", "privacy=closed"),
              ),
            ),
          );
        }),
      ),
  },
  {
    name: "people-known",
    proves: "each login that the policy names exists",
    look: (facts) =>
      ofPolicy(facts, () =>
        see(facts.strangers, logIn(facts), ({ people }) =>
          people.length === 0
            ? well("each login that the policy names is a person's")
            : broken(`GitHub knows nobody called ${list(people)}`, policyPage(facts)),
        ),
      ),
  },
];
