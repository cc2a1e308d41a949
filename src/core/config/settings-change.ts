import { changesOf, differenceOf, listed, type Row, type Said } from "./changes.ts";
import type { Settings } from "./settings.ts";

/**
 * What a change of a repository's settings means, a sentence a setting; without a file its defaults are in force. What no row of
 * `SETTINGS_ROWS` names is said by its setting's name and values. Pure.
 */
export function settingsChanges(before: Settings, after: Settings): readonly Said[] {
  return changesOf(SETTINGS_ROWS, before, after);
}

function verifyOf({ verify }: Settings): string {
  if (verify === undefined) return "what the repository's files show how to run";
  return verify === "ci" || verify.length === 0 ? "the repository's CI on the draft" : listed(verify);
}

function secondPersonOf(setting: boolean | undefined): string {
  if (setting === undefined) return "where its base branch needs a review";
  return setting ? "always" : "never";
}

/** Everything that has a sentence of its own; a case in the test for each. */
export const SETTINGS_ROWS: readonly Row<Settings>[] = [
  {
    at: "setup",
    say: (_before, { setup }) =>
      setup.length === 0
        ? "Nothing is run before the work any more."
        : `Before the work, with package registries reachable, this is run: ${listed(setup)}.`,
  },
  {
    at: "verify",
    say: (before, after) => `Work counts once this passes: ${verifyOf(after)}; it was ${verifyOf(before)}.`,
    warns: (before, after) => verifyOf(before) !== verifyOf(after) && verifyOf(after).includes("CI on the draft"),
  },
  {
    at: "repairs",
    say: (before, after) =>
      `A check that fails is shown to the model ${String(after.repairs)} times at most; it was ${String(before.repairs)}.`,
  },
  {
    at: "guards.max-files",
    say: ({ guards: before }, { guards: after }) =>
      `A change may touch ${String(after["max-files"])} files; it was ${String(before["max-files"])}.`,
  },
  {
    at: "guards.max-kb",
    say: ({ guards: before }, { guards: after }) =>
      `All files of a change together may have ${String(after["max-kb"])} kB; it was ${String(before["max-kb"])} kB.`,
  },
  {
    at: "guards.protected",
    say({ guards: before }, { guards: after }) {
      const { added, gone } = differenceOf(before.protected, after.protected);
      const come = added.length === 0 ? [] : [`No change may touch ${listed(added)}.`];
      const leave = gone.length === 0 ? [] : [`${listed(gone)} may be changed from now on.`];
      return [...come, ...leave].join(" ") || undefined;
    },
    warns: ({ guards: before }, { guards: after }) => differenceOf(before.protected, after.protected).gone.length > 0,
  },
  {
    at: "draft",
    say: (_before, { draft }) =>
      draft ? "Pull requests are opened as drafts." : "Pull requests are opened ready for review, not as drafts.",
  },
  {
    at: "ci",
    say(_before, { ci }) {
      if (ci === "auto")
        return "CI runs on each pull request at once, with the repository's secrets, on code that a model wrote.";
      if (ci === "approved") return "CI runs on a pull request once a person has decided.";
      return "CI runs at once in private repositories for issues by people with write, elsewhere once a person has decided.";
    },
    warns: (_before, { ci }) => ci === "auto",
  },
  {
    at: "on-review",
    say: (_before, after) =>
      after["on-review"] === "fix"
        ? "A review that requests changes starts a follow-up by itself, once on each commit and three times on a pull request."
        : "A review that requests changes starts nothing: somebody comments `/agent fix`.",
    warns: (_before, after) => after["on-review"] === "fix",
  },
  {
    at: "on-ci",
    say: (_before, after) =>
      after["on-ci"] === "fix"
        ? "CI that fails on a commit of the app's starts a follow-up by itself, once on each commit and three times on a pull request."
        : "CI that fails starts nothing: somebody comments `/agent fix`.",
    warns: (_before, after) => after["on-ci"] === "fix",
  },
  {
    at: "second-person",
    say: (before, after) =>
      `A pull request waits for the approval of a second person ${secondPersonOf(after["second-person"])}; until now ${secondPersonOf(before["second-person"])}.`,
    warns: (_before, after) => after["second-person"] === false,
  },
];
