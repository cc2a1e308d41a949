import { HAPPENINGS, resultOf, RESULTS, SITUATIONS, type Happening, type Situation } from "../src/core/task/happening.ts";
import {
  isTerminal,
  TASK_EVENTS,
  TASK_STATES,
  TASK_TRANSITIONS,
  type TaskEvent,
  type TaskState,
} from "../src/core/task/lifecycle.ts";

/** The tables of docs/lifecycle.md. The words are for people; which there must be, and what follows what, the code says. */

const STATES: Record<TaskState, string> = {
  planning: "it is read: who asks, the configuration, size, route, budget",
  asking: "it waits for somebody's approval",
  queued: "it waits for room in the pool",
  dispatching: "a credential is leased, and the job is being started",
  awaiting: "the job waits for a runner",
  running: "the job works",
  judging: "what the job reported is looked at",
  committing: "the change is written to GitHub, seen by nobody yet",
  branching: "its branch is made",
  opening: "its pull request is opened",
  inviting: "the pull request's reviewers are asked",
  solved: "**ended**: there is a pull request to review",
  unsolved: "**ended**: nothing that could be published came of it",
  refused: "**ended**: it was not started, and the comment says why",
  stuck: "**ended**: the app can't go on and says so; a person decides",
  cancelled: "**ended**: nobody wants it any more",
};

const EVENTS: Record<TaskEvent, string> = {
  plan: "size, route and budget stand",
  ask: "it may be done once somebody approves",
  remind: "nobody has approved for a day",
  replan: "it is planned anew: asked for otherwise, approved, or the policy has changed",
  refuse: "it may not be done",
  admit: "there is room: a credential is leased",
  dispatch: "GitHub has started the workflow",
  claim: "the job has shown who it is, and has the lease",
  expire: "no runner took the job in time",
  report: "the job has sent its outcome",
  lose: "the job has ended unheard",
  move: "a limit of its credential ended the job: the attempt goes on with another",
  escalate: "the attempt brought nothing that is verified: the next route follows",
  accept: "there is something to publish",
  score: "a trial's task is judged, and published nowhere",
  reject: "there is nothing to publish, and nothing follows",
  commit: "the commit is there",
  branch: "the branch is there",
  open: "the pull request is there",
  invite: "its reviewers are asked, or there are none to ask",
  stick: "a step has failed for good",
  cancel: "it is cancelled, and no run works on it any more",
};

export function renderStates(): string {
  return table(["state", "what it means"], Object.entries(STATES).map(([state, means]) => [`\`${state}\``, means])); // prettier-ignore
}

/** Without `stick` and `cancel`, which lead from nearly everywhere to one place each. */
export function renderDrawing(): string {
  const arrows = TASK_STATES.flatMap((state) => {
    const targets = new Map<TaskState, TaskEvent[]>();
    for (const event of TASK_EVENTS) {
      const next: TaskState | null = TASK_TRANSITIONS[state][event];
      if (next !== null && event !== "stick" && event !== "cancel") targets.set(next, [...(targets.get(next) ?? []), event]);
    }
    return [...targets].map(([next, events]) => `  ${state} --> ${next}: ${events.join(", ")}`);
  });
  const ends = TASK_STATES.filter((state) => isTerminal(state) && arrows.some((arrow) => arrow.includes(`--> ${state}:`)));
  return ["```mermaid", "stateDiagram-v2", "  [*] --> planning", ...arrows, ...ends.map((end) => `  ${end} --> [*]`), "```"].join(
    "\n",
  );
}

export function renderTransitions(): string {
  const rows = TASK_STATES.filter((state) => !isTerminal(state)).map((state) => {
    const leads = TASK_EVENTS.flatMap((event) => {
      const next: TaskState | null = TASK_TRANSITIONS[state][event];
      return next === null ? [] : [`${event} → \`${next}\``];
    });
    return [`\`${state}\``, leads.join(" · ")];
  });
  const events = Object.entries(EVENTS).map(([event, means]) => [event, means]);
  return `${table(["from", "what leads on, and whereto"], rows)}\n\n${table(["event", "what has happened"], events)}`;
}

/** Situations in which everything that happens has the same result are one row. */
export function renderHappenings(): string {
  const happenings = Object.keys(HAPPENINGS) as Happening[];
  const rows = new Map<string, { readonly names: string[]; readonly cells: string[] }>();
  const add = (name: string, situation: Situation, isPullClosed: boolean) => {
    const cells = happenings.map((happening) => resultOf(happening, situation, isPullClosed));
    const same = rows.get(cells.join());
    if (same === undefined) rows.set(cells.join(), { names: [name], cells });
    else same.names.push(name);
  };
  for (const situation of SITUATIONS) {
    if (situation === "none") add("there has been no task", situation, false);
    else if (situation !== "solved") add(`\`${situation}\``, situation, false);
    else {
      add("`solved`, its pull request open", situation, false);
      add("`solved`, its pull request merged or closed", situation, true);
    }
  }
  const numbered = happenings.map((happening, at) => [String(at + 1), HAPPENINGS[happening]]);
  const results = Object.entries(RESULTS).map(([result, means]) => [`**${result}**`, means]);
  return [
    table(["", "what happens"], numbered),
    table(["result", "what that is"], results),
    table(
      ["the issue's newest task is", ...happenings.map((_, at) => String(at + 1))],
      [...rows.values()].map(({ names, cells }) => [names.join(", "), ...cells]),
    ),
  ].join("\n\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
