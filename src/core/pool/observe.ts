import type { EpochMs } from "../wire/units.ts";
import { isSameWindow, learn, type Fit } from "./capacity.ts";

/** What is kept of an upstream's window between observations (windows.ts `Allowance`). */
export type Kept = {
  readonly share: number | null;
  readonly observedAt: EpochMs | null;
  readonly resetsAt: EpochMs | null;
  readonly own: number;
  readonly since: number;
  readonly fit: Fit;
};

/** A job repeats its last observation with each heartbeat, its age told anew: within this, it is the same word. */
const SAME_WORD_MS = 1_000;

/** A window after our own use of it: begun anew, where its reset has passed. */
export function afterUse(kept: Kept, amount: number, now: EpochMs): Kept {
  const over = kept.resetsAt !== null && kept.resetsAt <= now;
  const from = over ? { ...kept, share: null, observedAt: null, resetsAt: null, own: 0, since: 0 } : kept;
  return { ...from, own: from.own + amount, since: from.since + amount };
}

/**
 * A window after the provider's word for it at `at`, of which our use `after` that instant was no part. A word older than the
 * one that is kept changes nothing. Between two words of one running window, its size and others' use are learned.
 */
export function afterReading(
  kept: Kept,
  reading: { readonly share: number; readonly resetsAt: EpochMs | null },
  at: EpochMs,
  after: number,
): Kept {
  const { share, observedAt, since, own } = kept;
  if (observedAt !== null && at < observedAt + SAME_WORD_MS) return kept;
  const begun = share === null || observedAt === null;
  const same = !begun && isSameWindow({ share, resetsAt: kept.resetsAt }, reading);
  const between = Math.max(0, since - after);
  return {
    share: reading.share,
    observedAt: at,
    // A reset that jitters by seconds is the one that was known.
    resetsAt: same ? (kept.resetsAt ?? reading.resetsAt) : reading.resetsAt,
    own: begun || same ? own : after,
    since: after,
    fit:
      same && at > observedAt ? learn(kept.fit, { own: between, ms: at - observedAt, share: reading.share - share }) : kept.fit,
  };
}
