import { record } from "../../wire/json.ts";
import { secretsIn, triggersOf, tryParse } from "../workflow.ts";

/**
 * When a workflow would run what a model wrote beside secrets: `pushed`, as soon as a branch of ours is pushed or proposed, which `[skip ci]` holds back until a person
 * has looked; `always`, which it does not hold back. What isn't understood counts as risky. Pure.
 */
export function riskOf(text: string): "none" | "pushed" | "always" {
  const workflow = tryParse(text);
  if (workflow === undefined) {
    if (/pull_request_target/.test(text)) return "always";
    return /\bsecrets\b(?!\s*\.\s*GITHUB_TOKEN\b)/i.test(text) ? "pushed" : "none";
  }
  const on = workflow["on"];
  const triggers = triggersOf(on);
  if (triggers.includes("pull_request_target")) return "always";
  const isStarted =
    triggers.includes("pull_request") || (triggers.includes("push") && takesOurPush(record(record(on)?.["push"])));
  // Secrets that a called workflow declares are read by its own expressions.
  return isStarted && secretsIn(workflow).some((name) => name !== "GITHUB_TOKEN") ? "pushed" : "none";
}

/** Without the number and the task's digits, what every branch of ours begins with. */
const OURS = "agent-pool/issue-1";
/** Patterns that certainly match each of our branches. */
const ALL_OURS = new Set([
  "**",
  "**/**",
  "**/*",
  "*/*",
  "*/**",
  "agent-pool/*",
  "agent-pool/**",
  "agent-pool/issue-*",
  "agent-pool/issue-**",
]);
const WILDCARD = /[*?+[\]!\\]/;

function takesOurPush(push: Record<string, unknown> | undefined): boolean {
  if (push === undefined) return true;
  const { branches, "branches-ignore": ignored } = push;
  if (branches !== undefined) return isTaken(patterns(branches));
  if (ignored !== undefined) return !patterns(ignored).some((pattern) => ALL_OURS.has(pattern));
  // A filter of tags alone leaves out every branch.
  return !("tags" in push || "tags-ignore" in push);
}

/** The last pattern that matches decides. */
function isTaken(filter: readonly string[]): boolean {
  let taken = false;
  for (const pattern of filter) {
    if (!pattern.startsWith("!")) taken ||= mayMatchOurs(pattern);
    else if (ALL_OURS.has(pattern.slice(1))) taken = false;
  }
  return taken;
}

function mayMatchOurs(pattern: string): boolean {
  const at = pattern.search(WILDCARD);
  // Of a name without a wildcard, only one that is ours could match; none is known before.
  if (at === -1) return pattern.startsWith(OURS.slice(0, -1)) && pattern.length > OURS.length;
  // `?` and `+` stand behind what they are about.
  const literal = pattern.slice(0, /[?+]/.test(pattern[at] ?? "") ? Math.max(0, at - 1) : at);
  return OURS.startsWith(literal) || literal.startsWith(OURS.slice(0, -1));
}

function patterns(given: unknown): readonly string[] {
  return (Array.isArray(given) ? given : [given]).map(String);
}
