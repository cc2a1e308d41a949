/** A window of an account: a share of it is used, which may exceed 1, and it begins anew at an instant of epoch milliseconds. */
export type WindowState = { readonly share: number; readonly resetsAt: number };

export const SEAT_WINDOWS = ["fiveHour", "week", "scopedWeek"] as const;
export type SeatWindow = (typeof SEAT_WINDOWS)[number];
const HOUR_MS = 3_600_000;
const LENGTH_MS: Readonly<Record<SeatWindow, number>> = { fiveHour: 5 * HOUR_MS, week: 168 * HOUR_MS, scopedWeek: 168 * HOUR_MS };

/** What an account allows, as its provider sees it. */
export type Limits = {
  /** Whose account it is; keys of one organisation share its limits. One for all where it isn't said. */
  readonly organization?: string;
  /** An API key's. */
  readonly inputTokensAMinute?: number;
  /** The account is a seat of a subscription, with these shares used of its windows; `scopedWeek` counts the model asked. */
  readonly seat?: { readonly [Window in SeatWindow]?: Partial<WindowState> };
  /** Of each of a seat's windows, what a good call uses. */
  readonly shareOfACall?: number;
  /** After so many good calls the seat's five hours are used up. */
  readonly goodCalls?: number;
};

/** An account at one moment, for the headers of an answer. */
export type Account = {
  readonly organization: string;
  readonly inputTokensAMinute: number;
  readonly seat: Seat | undefined;
};
export type Seat = {
  readonly windows: Readonly<Partial<Record<SeatWindow, WindowState>>>;
  /** The window that refuses the call: of several the last to begin anew. */
  readonly rejects: SeatWindow | undefined;
};

const ORGANIZATION = "00000000-0000-4000-8000-000000000000";
const INPUT_TOKENS_A_MINUTE = 2_000_000;

type Kept = { limits: Limits; windows: Map<SeatWindow, { share: number; resetsAt: number }>; calls: number };

/** Keeps the accounts by key. A key that none was set for is an API key far from its limits. */
export function makeLimits(now: () => number = Date.now) {
  const accounts = new Map<string, Kept>();

  function set(key: string, limits: Limits): void {
    const windows = SEAT_WINDOWS.flatMap((window) => {
      const given = limits.seat?.[window];
      if (given === undefined && (limits.seat === undefined || window === "scopedWeek")) return [];
      return [[window, { share: 0, resetsAt: now() + LENGTH_MS[window], ...given }] as const];
    });
    accounts.set(key, { limits, windows: new Map(windows), calls: 0 });
  }

  /** The account as a call finds it. */
  function read(key: string | undefined): Account {
    const kept = accounts.get(key ?? "");
    const { organization = ORGANIZATION, inputTokensAMinute = INPUT_TOKENS_A_MINUTE } = kept?.limits ?? {};
    return { organization, inputTokensAMinute, seat: kept?.limits.seat && toSeat(kept) };
  }

  function toSeat(kept: Kept): Seat {
    for (const [window, state] of kept.windows) {
      if (now() < state.resetsAt) continue;
      Object.assign(state, { share: 0, resetsAt: now() + LENGTH_MS[window] });
      if (window === "fiveHour") kept.calls = 0;
    }
    const fiveHour = kept.windows.get("fiveHour");
    if (fiveHour !== undefined && kept.calls >= (kept.limits.goodCalls ?? Infinity)) fiveHour.share = Math.max(1, fiveHour.share);
    const [rejects] = [...kept.windows].filter(([, it]) => it.share >= 1).toSorted(([, a], [, b]) => b.resetsAt - a.resetsAt);
    const windows = Object.fromEntries([...kept.windows].map(([window, state]) => [window, { ...state }]));
    return { windows, rejects: rejects?.[0] };
  }

  /** A call that the account allows: it is counted. */
  function count(key: string | undefined): void {
    const kept = accounts.get(key ?? "");
    if (kept === undefined) return;
    kept.calls += 1;
    for (const state of kept.windows.values()) state.share += kept.limits.shareOfACall ?? 0;
  }

  return { set, read, count };
}
