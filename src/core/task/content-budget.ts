import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../wire/units.ts";

/**
 * GitHub's limits on creating content, of an installation: "no more than 80 content-generating requests per minute and no
 * more than 500 per hour". Source: docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api (read 2026-11).
 */
export const CONTENT_LIMITS = { perMinute: 80, perHour: 500 } as const;

/**
 * GitHub counts a call when it arrives, we when it is sent. Of two that are sent a minute apart, the first may be this much
 * longer on its way than the second. With it the budget is 74 calls a minute and 499 an hour, and needs no other headroom.
 */
const SLACK_MS = 5 * SECOND_MS;
export const CONTENT_SPAN_MS = HOUR_MS + SLACK_MS;

/**
 * What a call is for, the first served first: the sign that a command was heard, which is worth something for seconds; a task's
 * own way to its pull request, with the comment that says it was heard; what is new, which is the edits that tell of a state
 * and the one notification; how far something has come. Who comes too late for the first or the last doesn't wait.
 */
export const TURNS = ["sign", "work", "news", "progress"] as const;
export type Turn = (typeof TURNS)[number];
export const WAITS: Readonly<Record<Turn, boolean>> = { sign: false, work: true, news: true, progress: false };

/**
 * What progress edits may use. Alone they would fill the hour that a pull request needs later, so they also stop once half
 * of the room is used, by whatever it was.
 */
const PROGRESS = {
  perMinute: 20,
  perHour: 200,
  whileBelow: { perMinute: CONTENT_LIMITS.perMinute / 2, perHour: CONTENT_LIMITS.perHour / 2 },
} as const;

/** The calls that an installation made in the last `CONTENT_SPAN_MS`, the oldest first, in epoch milliseconds. */
export type Made = readonly { readonly at: number; readonly turn: Turn }[];

/**
 * How long until a call may be made that `ahead` others go before, so that never more than the limits fall into any sliding
 * minute or hour. 0: now. Pure; every one that waits is given the instant at which its own turn comes, so nobody asks in vain
 * unless somebody who goes before it has come meanwhile.
 */
export function roomInMs({ now, made, ahead }: { readonly now: number; readonly made: Made; readonly ahead: number }): number {
  const taken = made.map(({ at }) => at);
  let at = now;
  for (let before = 0; before <= ahead; before += 1) {
    at = Math.max(
      at,
      freeAfter(taken.at(-CONTENT_LIMITS.perMinute), MINUTE_MS),
      freeAfter(taken.at(-CONTENT_LIMITS.perHour), HOUR_MS),
    );
    taken.push(at);
  }
  return at - now;
}

function freeAfter(call: number | undefined, spanMs: number): number {
  return call === undefined ? 0 : call + spanMs + SLACK_MS;
}

/** Whether an edit that only tells how far something has come may be made now. If not it is dropped: the next one says more. */
export function mayTellProgress({
  now,
  made,
  waiting,
}: {
  readonly now: number;
  readonly made: Made;
  readonly waiting: number;
}): boolean {
  const count = (spanMs: number, counted: Made) => counted.filter(({ at }) => at > now - spanMs - SLACK_MS).length;
  const own = made.filter(({ turn }) => turn === "progress");
  return (
    waiting === 0 &&
    count(MINUTE_MS, own) < PROGRESS.perMinute &&
    count(HOUR_MS, own) < PROGRESS.perHour &&
    count(MINUTE_MS, made) < PROGRESS.whileBelow.perMinute &&
    count(HOUR_MS, made) < PROGRESS.whileBelow.perHour
  );
}
