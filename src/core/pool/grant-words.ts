import type { CredentialName } from "../wire/ids.ts";
import type { EpochMs } from "../wire/units.ts";
import type { Candidate, DecisionRecord, PoolSnapshot } from "./decision.ts";
import { WHY_NOT } from "./words.ts";

type Granted = { readonly credential: CredentialName; readonly at: EpochMs; readonly record: DecisionRecord };
type Waits = { readonly position: number; readonly snapshot: PoolSnapshot; readonly candidates: readonly Candidate[] };

/** How many of the latest grants are told of, and of each how many other credentials. */
const MAX_GRANTS = 3;
const MAX_OTHERS = 8;

/** Why a task waits, and why its leases fell as they did: sentences in Markdown, of which each is true on its own. Pure. */
export function describeGrants({
  waiting,
  decisions,
}: {
  readonly waiting: Waits | null;
  readonly decisions: readonly Granted[];
}): readonly string[] {
  const facts = decisions.slice(-MAX_GRANTS).map(({ credential, at, record: { snapshot, candidates } }) => {
    const able = candidates.filter(({ whyNot }) => whyNot === null).length;
    const chosen =
      able === 1 ? "the only one that could serve" : `the best of ${String(able)} that could serve, by \`${snapshot.strategy}\``;
    return `\`${credential}\` at ${minute(at)}: ${chosen}${others(candidates)}`;
  });
  if (waiting !== null) facts.push(`it waits, number ${String(waiting.position)} in the queue${others(waiting.candidates)}`);
  return facts.length === 0 ? ["nothing has been granted yet, and it waits for nothing"] : facts;
}

function others(candidates: readonly Candidate[]): string {
  const named = candidates.flatMap(({ credential, whyNot }) =>
    whyNot === null ? [] : [`\`${credential}\` ${WHY_NOT[whyNot.why]}`],
  );
  if (named.length === 0) return "";
  const more = named.length > MAX_OTHERS ? ` and ${String(named.length - MAX_OTHERS)} more` : "";
  return `; ${named.slice(0, MAX_OTHERS).join(", ")}${more}`;
}

/** `2026-03-02 12:30 UTC`. */
function minute(at: EpochMs): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
