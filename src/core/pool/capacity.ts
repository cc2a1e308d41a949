import { HOUR_MS, MINUTE_MS, type EpochMs } from "../wire/units.ts";
import type { Learned } from "./windows.ts";

/**
 * What a window is worth, learned: no provider publishes the size of a subscription's windows. Between two observations of
 * one window its share grows by what we used, at 1/capacity, and by what others used, at a steady rate. Both are fitted
 * together by least squares whose past fades, so that a changed plan is learned anew.
 */
export type Fit = {
  /** Weighted sums over the observed intervals: own use `o`, hours `t`, growth of the share `s`. */
  readonly oo: number;
  readonly ot: number;
  readonly tt: number;
  readonly os: number;
  readonly ts: number;
  readonly ss: number;
  /** How many intervals they stand for. */
  readonly n: number;
  /** The interval under way, which doesn't tell enough yet: where it began, and our own use in it. */
  readonly open: { readonly share: number; readonly at: EpochMs; readonly own: number } | null;
};

export const NO_FIT: Fit = { oo: 0, ot: 0, tt: 0, os: 0, ts: 0, ss: 0, n: 0, open: null };

/** An interval's weight after each further one. About the last 50 count. */
const FADE = 0.98;

/**
 * An interval is learned from once the share has grown by this, or this much of the window's time has passed; shorter ones are
 * added up until then. Shares are reported in hundredths, so every interval is wrong by about 0.4 of one whatever its
 * length: from intervals of five minutes a week's size was known no better than to a quarter, and others' use not at all.
 * By growth alone the hours in which nothing happens would be left out, and others' use come out many times too high.
 */
export const TELLING = { share: 0.05, ofLength: 0.2 } as const;

export function isTelling(interval: { readonly share: number; readonly ms: number }, lengthMs: number): boolean {
  return interval.share >= TELLING.share - 1e-9 || interval.ms >= TELLING.ofLength * lengthMs;
}

/** One interval between two observations of the same running window: `own` in the window's unit, `share` its growth. */
export function learn(fit: Fit, interval: { readonly own: number; readonly ms: number; readonly share: number }): Fit {
  const { own: o, share: s } = interval;
  const t = interval.ms / HOUR_MS;
  const sum = (before: number, now: number) => before * FADE + now;
  return {
    oo: sum(fit.oo, o * o),
    ot: sum(fit.ot, o * t),
    tt: sum(fit.tt, t * t),
    os: sum(fit.os, o * s),
    ts: sum(fit.ts, t * s),
    ss: sum(fit.ss, s * s),
    n: sum(fit.n, 1),
    open: null,
  };
}

/** Capacity and others' use as fitted; null while no use of ours has been seen to move the share. */
export function capacityOf(fit: Fit): Learned | null {
  // Amounts are whole: less than one is none, and its square no divisor.
  if (fit.os <= 0 || fit.oo < 0.01) return null;
  const determinant = fit.oo * fit.tt - fit.ot * fit.ot;
  // Neither rate can be negative: where the joint fit says so, the other explains all.
  let perOwn = determinant > 1e-9 * fit.oo * fit.tt ? (fit.os * fit.tt - fit.ts * fit.ot) / determinant : fit.os / fit.oo;
  let perHour = fit.tt > 0 ? (fit.ts - perOwn * fit.ot) / fit.tt : 0;
  if (perHour < 0) [perOwn, perHour] = [fit.os / fit.oo, 0];
  // Worth more than a billion dollars: our use doesn't move it.
  if (perOwn < 1e-15) return null;
  const residual = Math.max(
    0,
    fit.ss -
      2 * (perOwn * fit.os + perHour * fit.ts) +
      perOwn ** 2 * fit.oo +
      2 * perOwn * perHour * fit.ot +
      perHour ** 2 * fit.tt,
  );
  const error = Math.sqrt(residual / Math.max(1, fit.n - 2) / fit.oo) / perOwn;
  const value = 1 / perOwn;
  // A single interval fits exactly and proves little.
  const known = Math.max(error, 1 / (1 + fit.n));
  // No more digits than it is known to: they are read at every grant, and kept with every decision.
  return {
    value: Math.max(1, Math.round(value)),
    error: Number(known.toPrecision(4)),
    hiddenPerMs: Number(((perHour * value) / HOUR_MS).toPrecision(6)),
  };
}

/** The reset of a window as reported jitters by seconds; an advance of a minute or more is a new window. Source: better-ccflare, 1554 of 1564 "rollovers" were jitter of at most 1.9 s. */
export const RESET_JITTER_MS = MINUTE_MS;

/** Whether two reports speak of the same running window. A reset that came early shows as a share that fell. */
export function isSameWindow(
  before: { readonly share: number; readonly resetsAt: EpochMs | null },
  after: { readonly share: number; readonly resetsAt: EpochMs | null },
): boolean {
  if (before.resetsAt !== null && after.resetsAt !== null && Math.abs(after.resetsAt - before.resetsAt) >= RESET_JITTER_MS)
    return false;
  return after.share >= before.share - 0.005;
}
