import { z } from "zod";
import { type Auth, Harness, HARNESSES, Provider, PROVIDERS, Tier } from "../wire/contract.ts";
import { HARNESS_INFO } from "../wire/harnesses.ts";
import { CredentialAlias, Login, Model, names, OwnRepository, Percent, Spending, TeamName } from "./shapes.ts";

export const CREDENTIAL_KINDS = ["api-key", "access-token", "workload-identity", "seat"] as const;
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

/** How the job of a credential shows it to its provider. */
const AUTH_OF = {
  "api-key": "api-key",
  "access-token": "access-token",
  "workload-identity": "workload-identity",
  seat: "oauth",
} as const satisfies Record<CredentialKind, Auth>;

export function authOf(kind: CredentialKind): Auth {
  return AUTH_OF[kind];
}

/** The providers that give credentials of a kind out. OpenAI's subscriptions sign in by a login that is good for one place alone. */
const GIVEN_BY: Readonly<Record<CredentialKind, readonly Provider[]>> = {
  "api-key": PROVIDERS,
  "access-token": ["openai"],
  "workload-identity": ["anthropic", "openai"],
  seat: ["anthropic"],
};

/** The harnesses that can be given credentials of a kind. */
export function harnessesFor(kind: CredentialKind): readonly Harness[] {
  return HARNESSES.filter((harness) => HARNESS_INFO[harness].auths.includes(authOf(kind)));
}

const id = (what: string) => z.string().regex(/^[A-Za-z0-9_.:-]{1,200}$/, `should be the id of ${what}`);

/** What a provider was told to trust instead of a key: none of these opens anything by itself. */
const Identity = z.strictObject({
  rule: id("a federation rule").optional().describe("Anthropic's federation rule."),
  organization: id("an organisation").optional().describe("The organisation that Anthropic's rule is of."),
  workspace: id("a workspace").optional().describe("Anthropic's workspace, where the rule needs one."),
  provider: id("a workload identity provider").optional().describe("OpenAI's name for GitHub as the one who vouches."),
  "service-account": id("a service account").optional().describe("For whom the job then acts."),
  audience: z.string().min(1).max(200).optional().describe("As the provider's side says it; unset, the provider's own address."),
});
/** What a workload identity must say, by provider. */
export const IDENTITY_NEEDS: Readonly<Partial<Record<Provider, readonly (keyof z.infer<typeof Identity>)[]>>> = {
  anthropic: ["rule", "organization"],
  openai: ["provider", "service-account"],
};

export const Credential = z
  .strictObject({
    name: CredentialAlias.describe("The alias people see, and the environment that holds AGENT_POOL_KEY."),
    provider: Provider.describe("Whose models it opens."),
    kind: z
      .enum(CREDENTIAL_KINDS, { error: `should be one of ${CREDENTIAL_KINDS.join(", ")}` })
      .default("api-key")
      .describe("How it is shown to its provider."),
    identity: Identity.optional().describe(
      "Of `workload-identity`: what the job's own identity is exchanged by; the environment then has no key.",
    ),
    budget: Spending.optional().describe(
      "What may be spent on it, of what its provider bills. A seat's subscription is paid already.",
    ),
    jobs: z.number().int().min(1).max(100).optional().describe("Jobs at once; unset, 5, and 1 of a seat."),
    account: CredentialAlias.optional().describe(
      "Credentials of one provider's account share its windows: give them one name. Unset, the provider's own word for it.",
    ),
    subscription: z.string().min(1).max(50).optional().describe("A seat's plan, as people call it: a label, never a size."),
    owner: Login.optional().describe("Whose seat it is."),
    "keep-for-owner": Percent.refine(
      (share) => share <= 0.95,
      "leaves others nothing: should be 95% at most, or leave it out with `serves: owner`",
    )
      .optional()
      .describe("What of each of a seat's windows is kept from others."),
    serves: z
      .enum(["owner", "everyone"], { error: "should be `owner` or `everyone`" })
      .optional()
      .describe("Whom a seat serves: `everyone` once its owner has agreed by `/agent lend`."),
    only: z
      .strictObject({
        teams: names(TeamName).describe("Those whose people it serves."),
        repositories: names(OwnRepository).describe("Those whose tasks it serves."),
        tiers: names(Tier).describe("Those it serves."),
        models: names(Model).describe("Those it is used for."),
        harnesses: names(Harness).describe("Those it is used with."),
      })
      .optional()
      .describe("What it is kept to; all that are given must hold."),
  })
  .superRefine((entry, context) => {
    const wrong = (path: string, message: string) => {
      context.addIssue({ code: "custom", path: [path], message });
    };
    const givers = GIVEN_BY[entry.kind];
    if (!givers.includes(entry.provider)) wrong("kind", `is given out by ${givers.join(" and ")} alone`);
    const missing = (IDENTITY_NEEDS[entry.provider] ?? []).filter((name) => entry.identity?.[name] === undefined);
    if (entry.kind === "workload-identity") {
      if (missing.length > 0) wrong("identity", `should name ${missing.map((name) => `\`${name}\``).join(" and ")}`);
    } else if (entry.identity !== undefined) wrong("identity", "is for `kind: workload-identity`");
    if (entry.kind === "seat") {
      if (entry.owner === undefined) wrong("kind", "a seat needs its `owner`, the login of the person it is of");
      if (entry.budget !== undefined) wrong("budget", "is for what is paid by use; a seat's windows limit it");
      if ((entry.jobs ?? 1) > 1) wrong("jobs", "a seat does one job at a time");
    } else
      for (const setting of ["owner", "keep-for-owner", "serves", "subscription"] as const)
        if (entry[setting] !== undefined) wrong(setting, "is for seats; say `kind: seat` if it is one");
  });
export type Credential = z.infer<typeof Credential>;
