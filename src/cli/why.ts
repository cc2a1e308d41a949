import type { Candidate, DecisionRecord, WhyNot } from "#core/pool/decision.ts";
import { WHY_NOT } from "#core/pool/words.ts";
import type { Explanation } from "#app/pool-report.ts";
import { span, table } from "./text.ts";

/** `agent-pool why`, for people: each decision with its candidates and their terms. */
export function renderExplanation({ task, state, decisions }: Explanation): string {
  const parts = decisions.map(({ credential, at, record }) => {
    const { snapshot, candidates, passedOver } = record;
    const others = passedOver.length === 0 ? "" : `\n${passedOverText(record)}`;
    return `${new Date(at).toISOString()}  ${credential}, by ${snapshot.strategy}, policy at ${snapshot.policyCommit.slice(0, 7)}, ${String(snapshot.queue.length)} waiting\n${table(
      candidates.toSorted(byScore).map((candidate) => [`  ${candidate.credential}`, termsOf(candidate, snapshot.now)]),
    )}${others}`;
  });
  const none = decisions.length === 0 ? "Nothing has been granted yet.\n" : "";
  return `task ${task}, ${state}\n\n${none}${parts.join("\n\n")}\n`;
}

function byScore(a: Candidate, b: Candidate): number {
  return (a.score ?? Number.POSITIVE_INFINITY) - (b.score ?? Number.POSITIVE_INFINITY);
}

function termsOf({ score, whyNot }: Candidate, now: number): string {
  if (whyNot === null) return `score ${(score ?? 0).toFixed(4)}, lower is better`;
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
