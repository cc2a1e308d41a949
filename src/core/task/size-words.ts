import { inlineCode } from "../change/inline-code.ts";
import { oneLine } from "../change/publishable.ts";
import type { Absent } from "../plan/signals/signals.ts";
import type { SizeReason } from "../plan/size.ts";
import { unreachable } from "../wire/result.ts";
import { classifierReason } from "./classifier-words.ts";

/** A fact that moved the size, in words. Pure. */
export function sizeReason(reason: SizeReason): string {
  switch (reason.fact) {
    case "size-asked-for":
      return `size ${reason.size} was asked for`;
    case "label":
      return `size by label \`${reason.label}\``;
    case "small-change-words":
      return `smaller: the text says ${quoted(reason.words)}`;
    case "broad-change-words":
      return `larger: the text says ${quoted(reason.words)}`;
    case "joined-parts-words":
      return `larger: it is about parts together, the text says ${quoted(reason.words)}`;
    case "small-change-label":
      return `smaller by label ${inlineCode(reason.label)}`;
    case "whole-plan-label":
      return `larger by label ${inlineCode(reason.label)}`;
    case "feature-asked-for":
      return `larger: it asks for something new ("${oneLine(reason.by)}")`;
    case "patch-shown":
      return "smaller: the text shows the change as a patch";
    case "largest-file-meant":
      return `${reason.isLarge ? "larger" : "smaller"}: the text leads to ${inlineCode(reason.path)}, a file of ${kilobytes(reason.bytes)}`;
    case "files-meant":
      return `the text leads to ${counted(reason.count, "file")} of code`;
    case "paths-named":
      return `the text names ${counted(reason.count, "file")}`;
    case "names-of-code":
      return `the text speaks of ${counted(reason.count, "name")} of code`;
    case "stack-trace":
      return "the text holds a stack trace";
    case "types-declared":
      return `its example declares ${counted(reason.count, "type")}`;
    case "tasks-listed":
      return `the text lists ${counted(reason.count, "task")}`;
    case "criteria-listed":
      return `the text lists ${counted(reason.count, "criterion", "criteria")}`;
    case "languages-mixed":
      return `larger: those files are in ${reason.names.join(", ")}`;
    case "owners-many":
      return `larger: those files belong to ${reason.names.map((name) => inlineCode(name)).join(", ")}`;
    case "issues-below":
      return `larger: it has ${counted(reason.count, "issue")} below it`;
    case "tried-before":
      return `larger: ${counted(reason.count, "pull request")} for it ${reason.count === 1 ? "was" : "were"} closed without a merge`;
    case "unreadable":
      return "the text can't be read";
    case "not-seen":
      return `not looked at: ${reason.what.map((what) => NOT_SEEN[what]).join(", ")}`;
    case "nothing-known":
      return "nothing in the text tells its size; small is assumed";
    case "classified":
    case "rules-alone":
      return classifierReason(reason);
    default:
      return unreachable(reason);
  }
}

const NOT_SEEN: Record<Absent, string> = {
  tree: "the repository's files",
  "rest-of-tree": "files beyond those that GitHub lists",
  "code-owners": "who owns the code",
  links: "linked issues and pull requests",
  churn: "how often files change",
};

function counted(count: number, one: string, many = `${one}s`): string {
  return `${String(count)} ${count === 1 ? one : many}`;
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `"${oneLine(word)}"`).join(", ");
}

function kilobytes(bytes: number): string {
  return `${String(Math.max(1, Math.round(bytes / 1024)))} kB`;
}
