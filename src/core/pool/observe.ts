import { EpochMs } from "../wire/units.ts";
import { isSameWindow, isTelling, learn, RESET_JITTER_MS, type Fit } from "./capacity.ts";

/** What is kept of an upstream's window between observations (windows.ts `Allowance`). */
export type Kept = {
  readonly share: number | null;
  readonly observedAt: EpochMs | null;
  readonly resetsAt: EpochMs | null;
  readonly own: number;
  readonly since: number;
  readonly fit: Fit;
};

/**
 * A window of this length after our own use of it. Where its reset has passed it has begun anew, with this use at the latest:
 * until the provider tells, that one ends a length from now, so that what is used doesn't add up for ever.
 */
export function afterUse(kept: Kept, amount: number, now: EpochMs, lengthMs: number): Kept {
  const end = kept.resetsAt ?? (kept.observedAt === null ? null : kept.observedAt + lengthMs);
  const anew = { share: null, observedAt: null, resetsAt: EpochMs(now + lengthMs), own: 0, since: 0 };
  const from = end !== null && end <= now ? { ...kept, ...anew } : kept;
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
  lengthMs: number,
): Kept {
  const { share, observedAt, since, own } = kept;
  if (observedAt !== null && at < observedAt) return kept;
  const begun = share === null || observedAt === null;
  // One that had to begin anew meanwhile isn't the same, though a reading without a reset may look so.
  const over = kept.resetsAt !== null && at >= kept.resetsAt + RESET_JITTER_MS;
  const same = !begun && !over && isSameWindow({ share, resetsAt: kept.resetsAt }, reading);
  const open = same ? follow(kept.fit.open, share, observedAt, Math.max(0, since - after)) : null;
  const interval = open === null ? null : { own: open.own, ms: at - open.at, share: reading.share - open.share };
  const fit = interval !== null && isTelling(interval, lengthMs) ? learn(kept.fit, interval) : { ...kept.fit, open };
  return {
    share: reading.share,
    observedAt: at,
    // A reset that jitters by seconds is the one that was known.
    resetsAt: same ? (kept.resetsAt ?? reading.resetsAt) : reading.resetsAt,
    own: begun || same ? own : after,
    since: after,
    fit,
  };
}

/** The interval under way, with our own use up to another word: from the last word on, where none was under way. */
function follow(open: Fit["open"], share: number, at: EpochMs, own: number): NonNullable<Fit["open"]> {
  return open === null ? { share, at, own } : { ...open, own: open.own + own };
}
