import type { DeliveryId } from "#core/wire/ids.ts";
import { unreachable } from "#core/wire/result.ts";
import { describeGrants } from "#core/pool/grant-words.ts";
import { namedIn } from "#core/plan/served.ts";
import type { Brief } from "#core/request/brief.ts";
import { askedIn, NOTHING_NAMED, parseCommand, type Command } from "#core/request/command.ts";
import type { Happening } from "#core/task/happening.ts";
import type { Notice } from "#core/task/notice.ts";
import type { Deps, Triggered } from "./deps.ts";
import { lendOrUnlend } from "./lend.ts";
import { dryRun } from "./plan.ts";
import { explainTask } from "./pool-report.ts";
import { issueAt, request, turnAway } from "./request.ts";
import { readDecider } from "./who-may.ts";

/** A command that starts nothing, of somebody who may start work. */
type Asked = Extract<Command, { kind: "plan" | "status" | "why" | "help" | "pause" | "resume" | "ci" | "fix" }>;

/** A comment's command, or the label. */
export async function follow(deps: Deps, brief: Brief, delivery: DeliveryId): Promise<Triggered> {
  if (brief.comment === null) return request(deps, { happening: "ask", asked: "the label", brief, delivery });
  // Which models and specialists there are makes a difference only where a word is none of ours.
  const command = parseCommand(brief.comment, NOTHING_NAMED);
  if (command === undefined) return { note: "no command" };
  if (!command.ok) return followNamed(deps, brief, delivery);
  return carryOut(deps, command.value, brief, delivery);
}

/** It may name a model or a specialist: the policy says which there are. */
async function followNamed(deps: Deps, brief: Brief, delivery: DeliveryId): Promise<Triggered> {
  const stranger = await turnAway(deps, brief);
  if (stranger !== undefined) return stranger;
  const decider = await readDecider(deps, brief);
  if (!decider.ok) return { failed: decider.error };
  const named = "reason" in decider.value ? NOTHING_NAMED : namedIn(decider.value.policy);
  const command = parseCommand(brief.comment ?? "", named);
  if (command?.ok === true) return carryOut(deps, command.value, brief, delivery);
  if (command !== undefined) await deps.store.notice(brief, command.error, false);
  return { note: "no command that is known", followed: false };
}

async function carryOut(deps: Deps, command: Command, brief: Brief, delivery: DeliveryId): Promise<Triggered> {
  const asked = askedIn(brief.comment);
  const happen = (happening: Exclude<Happening, "close">, amends = false) =>
    request(deps, { happening, asked, amends, brief, delivery });
  switch (command.kind) {
    case "run": {
      const { approved, ...use } = command.use;
      const amends = Object.keys(use).length > 0;
      if (approved === true) return happen("approve", amends);
      return happen(amends ? "amend" : "ask");
    }
    case "cancel":
      return happen("cancel");
    case "retry":
      // The words of a retry that is to start afresh say nothing of a route.
      return happen(command.fresh ? "retry-fresh" : "retry");
    case "lend":
    case "unlend":
      return lendOrUnlend(deps, command, brief, delivery);
    case "plan":
    case "status":
    case "why":
    case "help":
    case "pause":
    case "resume":
    case "ci":
    case "fix":
      return answer(deps, command, brief);
    default:
      return unreachable(command);
  }
}

async function answer(deps: Deps, command: Asked, brief: Brief): Promise<Triggered> {
  const { store } = deps;
  const stranger = await turnAway(deps, brief);
  if (stranger !== undefined) return stranger;
  const decider = await readDecider(deps, brief);
  if (!decider.ok) return { failed: decider.error };
  if ("reason" in decider.value) {
    await store.notice(brief, decider.value, false);
    return { note: decider.value.reason, followed: false };
  }
  const { standing, policy } = decider.value;
  if (!standing.start) {
    await store.notice(brief, standing.why, true);
    return { note: "the actor may not start work" };
  }
  const { login } = brief.requester;
  const say = async (notice: Notice, followed = true): Promise<Triggered> => {
    await store.notice(brief, notice, false);
    return { note: "answer" in notice ? notice.answer : notice.reason, followed };
  };
  switch (command.kind) {
    case "help":
      return say({ answer: "help" });
    case "status":
      if (await store.refreshComment(issueAt(brief))) return { note: "status", followed: true };
      return say({ reason: "no-task", login, asked: "/agent status" }, false);
    case "why": {
      const newest = await store.findNewest(issueAt(brief));
      const explained = newest === undefined ? undefined : await explainTask(store, newest.id);
      if (explained?.ok !== true) return say({ reason: "no-task", login, asked: "/agent why" }, false);
      return say({ answer: "why", login, facts: describeGrants(explained.value) });
    }
    case "plan": {
      const planned = await dryRun(deps, brief);
      if (!planned.ok) return { failed: planned.error };
      return "reason" in planned.value ? say(planned.value, false) : say({ answer: "planned", login, plan: planned.value });
    }
    case "ci":
    case "fix": {
      const newest = await store.findNewest(issueAt(brief));
      const number = newest?.isPullClosed === false ? (newest.pullRequest?.number ?? null) : null;
      return say({ reason: "command-elsewhere", asked: `/agent ${command.kind}`, on: "pull", number }, false);
    }
    case "pause":
    case "resume": {
      // Of one repository's admins none speaks for all that the owner has: operators are whom the policy names.
      if (policy.roles?.operator === undefined || !standing.operator)
        return say({ reason: "operators-decide", login, asked: `/agent ${command.kind}` }, false);
      await store.pause(brief.owner.id, command.kind === "pause" ? login : null);
      return say({ answer: command.kind === "pause" ? "paused" : "resumed", login });
    }
    default:
      return unreachable(command);
  }
}
