import type { OperatorFacts, OwnerFacts } from "./facts.ts";
import type { Done } from "./journal.ts";
import type { Step } from "./steps.ts";

/**
 * What a classic token needs beside what it has; none where GitHub doesn't tell, as of fine-grained ones. `workflow` is for the
 * workflow file, `delete_repo` for deleting a repository. Source: docs, "Scopes for OAuth apps", read 2026-11-30. Pure.
 */
export function missingScopes(
  { scopes }: OperatorFacts,
  kind: OwnerFacts["kind"],
  work: readonly (Step | Done)[],
): readonly string[] {
  if (scopes === null) return [];
  const isDone = (each: Step | Done): each is Done => "did" in each;
  const needed = new Set(["repo"]);
  if (kind === "Organization") needed.add("read:org");
  for (const each of work) {
    if (isDone(each) ? each.did === "write-file" : each.do === "write-file") needed.add("workflow");
    if (isDone(each) && each.did === "create-repository") needed.add("delete_repo");
  }
  return [...needed].filter((scope) => !scopes.some((has) => covers(has, scope)));
}

/** Some hold others: `admin:org` reads what `read:org` does. */
function covers(has: string, needed: string): boolean {
  return has === needed || (needed === "read:org" && ["admin:org", "write:org"].includes(has));
}
