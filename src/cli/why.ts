import type { Candidate, DecisionRecord, WhyNot } from "#core/pool/decision.ts";
import { WHY_NOT } from "#core/pool/words.ts";
import type { Explanation } from "#app/pool-report.ts";
import { span, table } from "./text.ts";

/** `agent-pool why`, for people: why it waits, then each decision, with all candidates and their terms. */
export function renderExplanation({ task, state, failure, waiting, decisions }: Explanation): string {
  const parts = decisions.map(({ credential, at, record }) => {
    const { snapshot, candidates, passedOver } = record;
    const others = passedOver.length === 0 ? "" : `\n${passedOverText(record)}`;
    const head = `${new Date(at).toISOString()}  ${credential}, by ${snapshot.strategy}, policy at ${snapshot.policyCommit.slice(0, 7)}, ${String(snapshot.queue.length)} waiting`;
    return `${head}\n${candidateTable(candidates, snapshot.now)}${others}`;
  });
  if (waiting !== null)
    parts.unshift(`waiting, number ${String(waiting.position)} in the queue\n${candidateTable(waiting.candidates, waiting.now)}`);
  else if (failure !== null) parts.push(failure);
  if (parts.length === 0) parts.push("Nothing has been granted yet.");
  return `task ${task}, ${state}\n\n${parts.join("\n\n")}\n`;
}

function candidateTable(candidates: readonly Candidate[], now: number): string {
  return table(candidates.toSorted(byScore).map((candidate) => [`  ${candidate.credential}`, termsOf(candidate, now)]));
}

function byScore(a: Candidate, b: Candidate): number {
  return (a.score ?? Number.POSITIVE_INFINITY) - (b.score ?? Number.POSITIVE_INFINITY);
}

function termsOf({ score, whyNot }: Candidate, now: number): string {
  if (whyNot === null) return `can serve, score ${(score ?? 0).toFixed(4)}: the lowest is drawn on`;
  const until = whyNot.until === null ? "" : `, for ${span(whyNot.until - now)}`;
  return `${WHY_NOT[whyNot.why]}${whyNot.of === undefined ? "" : ` (${whyNot.of})`}${until}`;
}

function passedOverText({ passedOver }: DecisionRecord): string {
  const lines = passedOver.slice(0, 10).map(({ task, whyNot }) => {
    const reasons = Object.entries(whyNot).map(([why, count]) => `${String(count)} × ${WHY_NOT[why as WhyNot["why"]]}`);
    return `  passed over: ${task}, ${reasons.join(", ")}`;
  });
  const more = passedOver.length > 10 ? [`  and ${String(passedOver.length - 10)} more`] : [];
  return [...lines, ...more].join("\n");
}
