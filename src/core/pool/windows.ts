import type { CredentialName } from "../wire/ids.ts";
import { EpochMs, type MicroUsd } from "../wire/units.ts";

/** Who an allowance is of: the owner as a whole, or one credential. */
export type WindowSubject = { readonly kind: "owner" } | { readonly kind: "credential"; readonly name: CredentialName };

/**
 * An allowance over time. `used` is what is settled, `held` what live leases reserve of it; both in the window's own
 * unit, which for `usd-month` is micro-dollars in a calendar month, UTC.
 */
export type Window = {
  readonly name: "usd-month";
  readonly subject: WindowSubject;
  readonly capacity: MicroUsd;
  readonly used: MicroUsd;
  readonly held: MicroUsd;
  readonly resetsAt: EpochMs;
};

/** How holds and spending name a window: `owner/usd-month`, `credential:platform-api/usd-month`. */
export function windowId({ name, subject }: Pick<Window, "name" | "subject">): string {
  return `${subject.kind === "owner" ? "owner" : `credential:${subject.name}`}/${name}`;
}

/** The first instant of `now`'s month and of the next, UTC. */
export function monthOf(now: EpochMs): { start: EpochMs; end: EpochMs } {
  const date = new Date(now);
  const at = (month: number) => EpochMs(Date.UTC(date.getUTCFullYear(), month));
  return { start: at(date.getUTCMonth()), end: at(date.getUTCMonth() + 1) };
}

/** True where `amount` fits beside what is used and held, to the last unit. */
export function fits(window: Window, amount: MicroUsd): boolean {
  return window.used + window.held + amount <= window.capacity;
}

/** The promised share of a window, between 0 and (rarely, after an estimate fell short) above 1. */
export function share(window: Window): number {
  return window.capacity === 0 ? 1 : (window.used + window.held) / window.capacity;
}
