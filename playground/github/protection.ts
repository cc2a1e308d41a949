import { actorOf, type Acting } from "./credentials.ts";
import { hasAll } from "./plans.ts";
import { atLeast } from "./rank.ts";
import { roleOf, type GitHub, type Repository } from "./state.ts";

/** What protects a branch, in the fields of GitHub's own request. */
export type Protection = {
  readonly statusChecks: { readonly strict: boolean; readonly contexts: readonly string[] } | null;
  readonly enforceAdmins: boolean;
  readonly reviews: {
    readonly dismissStale: boolean;
    readonly codeOwners: boolean;
    readonly count: number;
    readonly lastPush: boolean;
  } | null;
  /** By login and slug; an App by its slug. */
  readonly restrictions: {
    readonly users: readonly string[];
    readonly teams: readonly string[];
    readonly apps: readonly string[];
  } | null;
  readonly flags: Readonly<Record<ProtectionFlag, boolean>>;
};

export const PROTECTION_FLAGS = [
  "required_linear_history",
  "allow_force_pushes",
  "allow_deletions",
  "block_creations",
  "required_conversation_resolution",
  "lock_branch",
  "allow_fork_syncing",
] as const;
export type ProtectionFlag = (typeof PROTECTION_FLAGS)[number];

/** One rule of a ruleset: `{ type: "creation" }`, `{ type: "pull_request", parameters: {…} }`. */
export type BranchRule = { readonly type: string; readonly parameters?: Readonly<Record<string, unknown>> };

/** One approval, as GitHub's page starts with. */
export const PULL_REQUESTS_ONLY: Protection = {
  statusChecks: null,
  enforceAdmins: false,
  reviews: { dismissStale: false, codeOwners: false, count: 1, lastPush: false },
  restrictions: null,
  flags: {
    required_linear_history: false,
    allow_force_pushes: false,
    allow_deletions: false,
    block_creations: false,
    required_conversation_resolution: false,
    lock_branch: false,
    allow_fork_syncing: false,
  },
};

/** A branch's protection as far as the owner's plan has any. */
export function protectionOf(github: GitHub, repository: Repository, branch: string): Protection | undefined {
  return hasAll(github, repository) ? repository.protections.get(branch) : undefined;
}

/** Protection that holds for a caller: admins pass all of it that isn't enforced for them. */
export function heldBy(github: GitHub, repository: Repository, branch: string, caller: Acting): Protection | undefined {
  const protection = protectionOf(github, repository, branch);
  const isAdmin = caller.party === "user" && atLeast(roleOf(github, repository, caller.account), "admin");
  return isAdmin && protection?.enforceAdmins === false ? undefined : protection;
}

/** What rulesets ask of a branch, whether it exists or not. */
export function rulesOf(github: GitHub, repository: Repository, branch: string): readonly BranchRule[] {
  if (!hasAll(github, repository)) return [];
  return [...repository.branchRules].flatMap(([pattern, rules]) => (matchesPattern(pattern, branch) ? rules : []));
}

/** Why a ruleset's rules hold back what is done to a branch; nobody is exempt from them here. */
export function ruleAgainst(
  github: GitHub,
  repository: Repository,
  branch: string,
  words: Readonly<Record<string, string>>,
): string | undefined {
  const found = rulesOf(github, repository, branch).find(({ type }) => type in words);
  return found === undefined ? undefined : `Repository rule violations found\n\n${words[found.type] ?? ""}\n\n`;
}

/** Why a caller may not push to a branch; undefined when they may. */
export function refusePush(github: GitHub, repository: Repository, branch: string, caller: Acting): string | undefined {
  const protection = heldBy(github, repository, branch, caller);
  if (protection === undefined) return undefined;
  const { reviews, statusChecks, restrictions, flags } = protection;
  if (flags.lock_branch) return "Cannot change this locked branch";
  if (reviews !== null) return "Changes must be made through a pull request.";
  const [check] = statusChecks?.contexts ?? [];
  if (check !== undefined) return `Required status check "${check}" is expected.`;
  const { login } = actorOf(github, caller);
  const named = caller.party === "user" ? restrictions?.users.includes(login) : restrictions?.apps.includes(github.app.slug);
  return named === false ? "You're not authorized to push to this branch." : undefined;
}

/** Ruby's `File.fnmatch` as far as branch policies and rulesets go: `*` stays within one path segment, `**` does not. */
export function matchesPattern(pattern: string, branch: string): boolean {
  const parts = pattern.split(/(\*\*|\*|\?)/).map((part) => {
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    return part === "?" ? "[^/]" : part.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`).test(branch);
}
