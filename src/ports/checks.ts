import type { Annotation, FileText } from "#core/config/check.ts";
import type { ReviewedPull } from "#core/task/second-person.ts";
import type { Answer, Place } from "./github.ts";

/** `summary` in Markdown; `annotations` are of `path`. */
export type CheckOutput = {
  readonly conclusion: "success" | "failure" | "action_required";
  readonly title: string;
  readonly summary: string;
};
export type NewCheckRun = CheckOutput & {
  readonly name: string;
  readonly commit: string;
  readonly path: string;
  readonly annotations: readonly Annotation[];
};

/** What to compare with: a commit, or where a branch and the commit went apart. */
export type Against = { readonly commit: string } | { readonly branch: string };

/** The part of GitHub that knows checks of our own, and what they go by. */
export type OwnChecks = {
  /** The configuration file at a commit, and before. `against` null: there was none before. */
  readConfigFile(
    place: Place,
    commit: string,
    against: Against | null,
  ): Answer<{ readonly before: FileText; readonly after: FileText }>;
  /** A pull request with its latest reviews. undefined: there is none of that number. */
  readReviews(place: Place, pull: number): Answer<ReviewedPull | undefined>;
  /** The check run of this App's own of that name on a commit. */
  findOwnCheckRun(place: Place, commit: string, name: string): Answer<number | undefined>;
  createCheckRun(place: Place, run: NewCheckRun): Answer<number>;
  updateCheckRun(place: Place, run: number, output: CheckOutput): Answer<void>;
};
