import type { Candidate, DecisionRecord, PoolSnapshot, WhyNot } from "#core/pool/decision.ts";
import { allowanceKey } from "#core/pool/windows.ts";
import { WHY_NOT } from "#core/pool/words.ts";
import type { Explanation } from "#app/pool-report.ts";
import { span, table } from "./text.ts";

/** `agent-pool why`, for people: why it waits, then each decision, with all candidates and their terms. */
export function renderExplanation({ task, state, failure, waiting, decisions }: Explanation): string {
  const parts = decisions.map(({ credential, at, record }) => {
    const { snapshot, candidates, passedOver } = record;
    const others = passedOver.length === 0 ? "" : `\n${passedOverText(record)}`;
    const head = `${new Date(at).toISOString()}  ${credential}, by ${snapshot.strategy}, policy at ${snapshot.policyCommit.slice(0, 7)}, ${String(snapshot.queue.length)} waiting; the lowest score is drawn on`;
    return `${head}\n${candidateTable(candidates, snapshot)}${others}`;
  });
  if (waiting !== null)
    parts.unshift(
      `waiting, number ${String(waiting.position)} in the queue\n${candidateTable(waiting.candidates, waiting.snapshot)}`,
    );
  else if (failure !== null) parts.push(failure);
  if (parts.length === 0) parts.push("Nothing has been granted yet.");
  return `task ${task}, ${state}\n\n${parts.join("\n\n")}\n`;
}

function candidateTable(candidates: readonly Candidate[], snapshot: PoolSnapshot): string {
  return table(candidates.toSorted(byScore).map((candidate) => [`  ${candidate.credential}`, termsOf(candidate, snapshot)]));
}

function byScore(a: Candidate, b: Candidate): number {
  return (a.score ?? Number.POSITIVE_INFINITY) - (b.score ?? Number.POSITIVE_INFINITY);
}

function termsOf({ credential, score, whyNot }: Candidate, snapshot: PoolSnapshot): string {
  if (whyNot === null) return `can serve, score ${(score ?? 0).toFixed(4)}`;
  const until = whyNot.until === null ? "" : `, for ${span(whyNot.until - snapshot.now)}`;
  const unsized = whyNot.why === "window" && isUnsized(credential, whyNot.of, snapshot);
  const of = whyNot.of === undefined ? "" : ` (${whyNot.of}${unsized ? ", size not known yet: tried below half" : ""})`;
  return `${WHY_NOT[whyNot.why]}${of}${until}`;
}

function isUnsized(name: string, key: string | undefined, { credentials, upstreams }: PoolSnapshot): boolean {
  const upstream = credentials.find((credential) => credential.name === name)?.upstream;
  const windows = upstreams.find(({ id }) => id === upstream)?.windows ?? [];
  return windows.some((window) => allowanceKey(window) === key && window.capacity === null);
}

function passedOverText({ passedOver }: DecisionRecord): string {
  const lines = passedOver.slice(0, 10).map(({ task, whyNot }) => {
    const reasons = Object.entries(whyNot).map(([why, count]) => `${String(count)} × ${WHY_NOT[why as WhyNot["why"]]}`);
    return `  passed over: ${task}, ${reasons.join(", ")}`;
  });
  const more = passedOver.length > 10 ? [`  and ${String(passedOver.length - 10)} more`] : [];
  return [...lines, ...more].join("\n");
}
