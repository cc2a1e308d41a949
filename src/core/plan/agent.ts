import type { Guards } from "../change/guards.ts";
import { labelOf, type Agent } from "../config/agents.ts";
import type { Policy } from "../config/policy.ts";
import { cleanText, type Brief } from "../request/brief.ts";
import { isSameLabel } from "../request/label.ts";
import type { Failure } from "../wire/failure.ts";
import { err, ok, type Result } from "../wire/result.ts";
import type { OwnChecks, Plan, Reviewers, Verify } from "./plan.ts";

/** A specialist as the policy has it. */
export type NamedAgent = Agent & { readonly name: string; readonly label: string };

/** What a specialist is told, and where that stands: cleaned, as the base commit has it. */
export type Instructions = { readonly path: string; readonly text: string };

/** Who does a task, kept with its plan. `instructions` null: it has none. */
export type PlannedAgent = { readonly name: string; readonly label: string; readonly instructions: Instructions | null };

/** A page or several; what is longer is a manual, and belongs into the repository for whoever looks it up. */
export const MAX_INSTRUCTIONS = 20_000;

/**
 * The specialist that a request is for: the one that its comment names; else the one whose label asked; else the one whose
 * label the issue has. undefined: none. Nothing that an issue or comment says beside a command makes a difference. Pure.
 *
 * Errors: agent-unknown, where the label that asked is no specialist's; agents-several, where labels of several are there.
 */
export function agentOf(
  policy: Policy,
  { label, issue }: Pick<Brief, "label" | "issue">,
  named: string | undefined,
): Result<NamedAgent | undefined, Failure> {
  const agents = Object.entries(policy.agents).map(([name, agent]) => ({ ...agent, name, label: labelOf(name, agent) }));
  if (named !== undefined) return ok(agents.find(({ name }) => name === named));
  const labels = agents.map((agent) => agent.label);
  const labelled = (asked: string) => agents.filter((agent) => isSameLabel(agent.label, asked));
  if (label !== undefined) {
    const [agent] = labelled(label);
    return agent === undefined ? err({ reason: "agent-unknown", label, labels }) : ok(agent);
  }
  const found = agents.filter((agent) => issue.labels.some((each) => isSameLabel(agent.label, each)));
  return found.length > 1 ? err({ reason: "agents-several", agents: found.map(({ name }) => name) }) : ok(found[0]);
}

/**
 * What is kept of a specialist, with what its file of instructions holds (`undefined`: no text is there). What a reader of the
 * rendered file can't see is left out, as of an issue. Pure. Errors: instructions-unreadable.
 */
export function plannedAgent(
  { name, label, instructions: path }: NamedAgent,
  repository: string,
  text: string | undefined,
): Result<PlannedAgent, Failure> {
  if (path === undefined) return ok({ name, label, instructions: null });
  const unfit = (why: "missing" | "empty" | "too-long") =>
    err({ reason: "instructions-unreadable", agent: name, repository, file: path, why } as const);
  if (text === undefined) return unfit("missing");
  if (text.length > MAX_INSTRUCTIONS) return unfit("too-long");
  const cleaned = cleanText(text).trim();
  return cleaned === "" ? unfit("empty") : ok({ name, label, instructions: { path, text: cleaned } });
}

/** The files that its changes are kept to. Pure. */
export function keptTo(agent: NamedAgent | undefined): Pick<Guards, "only"> {
  return agent?.paths === undefined ? {} : { only: { agent: agent.name, paths: agent.paths } };
}

/** Whom it asks to review, and whom the repository's settings do. Pure. */
export function reviewersOf(agent: NamedAgent | undefined, settings: Partial<Reviewers> | undefined): Pick<Plan, "reviewers"> {
  const named = [agent?.reviewers, settings].filter((each) => each !== undefined);
  if (named.length === 0) return {};
  const all = (kind: keyof Reviewers) => [...new Set(named.flatMap((each) => each[kind] ?? []))];
  return { reviewers: { people: all("people"), teams: all("teams") } };
}

/** Its checks beside the repository's own, none of which it takes away. Pure. */
export function withChecksOf(agent: NamedAgent | undefined, verify: readonly string[] | OwnChecks): Verify {
  const also = agent?.verify ?? [];
  if (also.length === 0) return verify;
  // An empty list leaves it to CI.
  if (typeof verify === "string" || verify.length === 0) return { of: verify === "detect" ? "detect" : "ci", also };
  return [...new Set([...verify, ...also])];
}
