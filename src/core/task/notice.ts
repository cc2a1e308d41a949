import { NOTICE } from "../pool/consent.ts";
import type { Plan } from "../plan/plan.ts";
import { FORMS } from "../request/command.ts";
import { describe, type Failure } from "../wire/failure.ts";
import { unreachable } from "../wire/result.ts";

/** What a request came to that was followed and starts no task. */
export type Answer =
  | {
      readonly answer: "seat-lent";
      readonly seat: string;
      readonly login: string;
      /** The policy says `serves: everyone`. */
      readonly inPolicy: boolean;
    }
  | { readonly answer: "seat-taken-back"; readonly seat: string; readonly login: string }
  /** What would be done, and is not. */
  | { readonly answer: "planned"; readonly login: string; readonly plan: Plan }
  | { readonly answer: "why"; readonly login: string; readonly facts: readonly string[] }
  | { readonly answer: "help" }
  | { readonly answer: "paused" | "resumed"; readonly login: string }
  | { readonly answer: "ci-started"; readonly login: string };

/** What the app says in an issue's comment to a request, beside or instead of a task. */
export type Notice = Failure | Answer;

/** As the comment's headline has it, where there is no task. */
export function headlineOf(notice: Notice): string {
  if (!("answer" in notice)) return notice.reason === "records-lost" ? "lost" : "not started";
  switch (notice.answer) {
    case "seat-lent":
      return "a seat is lent";
    case "seat-taken-back":
      return "a seat serves its owner alone";
    case "planned":
      return "a plan, not started";
    case "why":
      return "why it is so";
    case "help":
      return "what can be asked";
    case "paused":
      return "the pool is paused";
    case "resumed":
      return "the pool is drawn on again";
    case "ci-started":
      return "CI is started";
    default:
      return unreachable(notice);
  }
}

/** A notice as people read it, on the issue. Markdown. */
export function describeNotice(notice: Notice): string {
  if (!("answer" in notice)) return describe(notice);
  switch (notice.answer) {
    case "seat-lent": {
      const { seat, login } = notice;
      return [
        `@${login} lends \`${seat}\`. ${
          notice.inPolicy
            ? "From the next grant on it serves everyone who may start work."
            : "It serves everyone once the policy says `serves: everyone` of it, and its owner alone until then."
        } Its owner can take it back whenever they like, by a comment \`/agent unlend ${seat}\` on any open issue; what runs on it by then finishes. What was agreed to, kept with the date and the lender's id, until this text changes:`,
        NOTICE.replace(/^.*$/gm, (line) => `> ${line}`.trimEnd()),
      ].join("\n\n");
    }
    case "seat-taken-back":
      return `@${notice.login} lends \`${notice.seat}\` no longer: nothing more is granted on it to others. What runs on it already finishes.`;
    case "planned":
      return `@${notice.login} asked what would be done. Nothing was started; \`/agent\` does it, as it is planned then:`;
    case "why":
      return [`@${notice.login} asked why:`, ...notice.facts.map((fact) => `- ${fact}`)].join("\n");
    case "help":
      return describeForms();
    case "paused":
      return `@${notice.login} has paused the pool: nothing more is started from it, in any repository. What runs finishes, what waits keeps its place. \`/agent resume\` ends the pause.`;
    case "resumed":
      return `@${notice.login} has ended the pause: what waits is started as there is room.`;
    case "ci-started":
      return `@${notice.login} has started CI: the last commit here has the same files as the one before, and doesn't hold it back.`;
    default:
      return unreachable(notice);
  }
}

/** Every command, as a table. */
export function describeForms(): string {
  const rows = FORMS.map(({ form, does, who }) => `| \`${form}\` | ${who} | ${does} |`);
  return ["| comment | who may | what it does |", "| --- | --- | --- |", ...rows].join("\n");
}
