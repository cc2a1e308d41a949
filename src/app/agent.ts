import { agentOf, plannedAgent, type NamedAgent, type PlannedAgent } from "#core/plan/agent.ts";
import { namedIn } from "#core/plan/served.ts";
import type { Policy } from "#core/config/policy.ts";
import type { Brief } from "#core/request/brief.ts";
import { parseCommand, type Override } from "#core/request/command.ts";
import type { Failure } from "#core/wire/failure.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { FileAt, GitHub, GitHubFailure, SetUp } from "#ports/github.ts";

/** Who is to do a task: as the policy has the specialist, and as it is kept with the plan. */
export type Specialist = { readonly agent: NamedAgent; readonly planned: PlannedAgent };

/** What a comment's command asks to be used. Pure. */
export function usedBy({ comment }: Brief, policy: Policy): Result<Override, Failure> {
  const command = comment === null ? undefined : parseCommand(comment, namedIn(policy));
  if (command?.ok === false) return command;
  // Any other is followed without a task (trigger.ts).
  return ok(command?.value.kind === "run" || command?.value.kind === "plan" ? command.value.use : {});
}

/**
 * The specialist that a request is for, with its instructions as the default branch has them at the commit that work starts
 * from: whoever asks, or has written the issue, has no say in them.
 */
export async function readSpecialist(
  github: Pick<GitHub, "readText">,
  brief: Brief,
  policy: Policy,
  base: NonNullable<SetUp["base"]>,
): Promise<Result<Specialist | undefined | Failure, GitHubFailure>> {
  const use = usedBy(brief, policy);
  if (!use.ok) return ok(use.error);
  const agent = agentOf(policy, brief, use.value.agent);
  if (!agent.ok) return ok(agent.error);
  if (agent.value === undefined) return ok(undefined);
  const { instructions } = agent.value;
  const file = instructions === undefined ? ok("missing" as const) : await github.readText(brief, base.commit, instructions);
  if (!file.ok) return file;
  const made = specialistOf(brief, agent.value, file.value);
  return ok(made.ok ? made.value : made.error);
}

/** Pure. */
export function specialistOf(
  { owner, repository }: Pick<Brief, "owner" | "repository">,
  agent: NamedAgent,
  file: FileAt,
): Result<Specialist, Failure> {
  const text = typeof file === "string" ? undefined : file.text;
  const planned = plannedAgent(agent, `${owner.login}/${repository.name}`, text);
  return planned.ok ? ok({ agent, planned: planned.value }) : err(planned.error);
}
