import { signalsOf, type Signals } from "#core/plan/signals/signals.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { issueOf, type Brief } from "#core/request/brief.ts";
import type { Around, GitHubFailure } from "#ports/github.ts";
import type { Deps } from "./deps.ts";

/**
 * What is known of an issue and the code that work starts from: at most three calls (a token, the tree, what is around), one
 * where the tree is known. What GitHub doesn't tell is absent, and the size goes without: it is no reason to wait. `edit`: of
 * the issue's text; null where it is as it was written.
 */
export async function readSignals(
  { github, runtime }: Pick<Deps, "github" | "runtime">,
  brief: Brief,
  base: { readonly commit: string; readonly tree: string },
): Promise<{ readonly signals: Signals; readonly edit: Result<Around["edit"], GitHubFailure> }> {
  const [tree, around] = await Promise.all([
    github.readTree(brief, base.tree),
    github.readAround(brief, issueOf(brief), base.commit),
  ]);
  for (const read of [tree, around]) {
    if (!read.ok)
      runtime.log.warn({ repository: brief.repository.id, failure: read.error }, "sized without a part of the signals");
  }
  const { codeOwners, links } = around.ok ? around.value : { codeOwners: null, links: null };
  const signals = signalsOf(brief.issue, { tree: tree.ok ? tree.value : null, codeOwners, links });
  return { signals, edit: around.ok ? ok(around.value.edit) : around };
}
