import { NOTICE } from "../pool/consent.ts";
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
  | { readonly answer: "seat-taken-back"; readonly seat: string; readonly login: string };

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
    default:
      return unreachable(notice);
  }
}

/** A notice as people read it, on the issue. Markdown. */
export function describeNotice(notice: Notice): string {
  if (!("answer" in notice)) return describe(notice);
  const { seat, login } = notice;
  switch (notice.answer) {
    case "seat-lent":
      return [
        `@${login} lends \`${seat}\`. ${
          notice.inPolicy
            ? "From the next grant on it serves everyone who may start work."
            : "It serves everyone once the policy says `serves: everyone` of it, and its owner alone until then."
        } Its owner can take it back whenever they like, by a comment \`/agent unlend ${seat}\` on any open issue; what runs on it by then finishes. What was agreed to, kept with the date and the lender's id, until this text changes:`,
        NOTICE.replace(/^.*$/gm, (line) => `> ${line}`.trimEnd()),
      ].join("\n\n");
    case "seat-taken-back":
      return `@${login} lends \`${seat}\` no longer: nothing more is granted on it to others. What runs on it already finishes.`;
    default:
      return unreachable(notice);
  }
}
