import type { LeasePatch, Store, TaskPatch } from "#ports/store.ts";
import type { GitHub, GitHubFailure } from "#ports/github.ts";
import type { Runtime } from "#ports/runtime.ts";
import type { TaskEvent } from "#core/task/lifecycle.ts";

export type Deps = { readonly store: Store; readonly github: GitHub; readonly runtime: Runtime };

/**
 * What a step leads to. The worker writes it, in one transaction; a step itself writes nothing of the task.
 * `rest`: nothing to do before then; the tries start anew. `failed`: this action again later, as its next try.
 */
export type Next =
  | { readonly go: TaskEvent; readonly patch?: TaskPatch; readonly lease?: LeasePatch }
  | { readonly restMs: number | null }
  | { readonly failed: GitHubFailure };
