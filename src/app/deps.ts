import type { Classifier } from "#ports/classifier.ts";
import type { LeasePatch, Store, TaskPatch } from "#ports/store.ts";
import type { GitHub, GitHubFailure } from "#ports/github.ts";
import type { Runtime } from "#ports/runtime.ts";
import type { TaskEvent } from "#core/task/lifecycle.ts";

export type Deps = {
  readonly store: Store;
  readonly github: GitHub;
  readonly runtime: Runtime;
  /** Where the operator has given a key for one. */
  readonly classifier?: Classifier | undefined;
  /** In lower case; none: all. */
  readonly allowedOwners?: readonly string[];
};

/**
 * What came of a claimed row: `done`, its row is written and let go; nothing more until then; or what GitHub did not do, so
 * that the same action is tried again later.
 */
export type Worked = "done" | { readonly restMs: number | null } | { readonly failed: GitHubFailure };

/**
 * What came of a delivery, kept with it; that it is too early for it; or what GitHub did not do. `followed`: of a command by
 * somebody who may give some.
 */
export type Triggered =
  | { readonly note: string; readonly followed?: boolean }
  | { readonly restMs: number }
  | { readonly failed: GitHubFailure };

/**
 * What a step leads to. The worker writes it, in one transaction; a step itself writes nothing of the task.
 * `rest`: nothing to do before then; the tries start anew. `failed`: this action again later, as its next try.
 */
export type Next =
  | { readonly go: TaskEvent; readonly patch?: TaskPatch; readonly lease?: LeasePatch }
  | { readonly restMs: number | null }
  | { readonly failed: GitHubFailure };
