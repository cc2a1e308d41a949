import { formatUsd, type MicroUsd } from "../wire/units.ts";
import type { Credential } from "./credential.ts";
import { Policy } from "./policy.ts";
import type { Spending } from "./shapes.ts";

/** A policy with its credentials by name; or what is in force where there is none, which is its defaults at most. */
export type View = Omit<Policy, "pool" | "runner" | "budget"> & {
  readonly pool: Readonly<Record<string, Credential>>;
  readonly runner: Policy["runner"] | undefined;
  readonly budget: Spending | undefined;
};

export function viewOf({ pool, ...rest }: Policy): View {
  return { pool: Object.fromEntries(pool.map((entry) => [entry.name, entry])), ...rest };
}

/** What is in force without a policy. */
export const NOTHING: View = {
  ...Policy.parse({ version: 1, pool: [{ name: "none", provider: "anthropic" }], runner: "a/b", budget: "$1/day" }),
  pool: {},
  runner: undefined,
  budget: undefined,
};

/** `$200`. */
export function money(amount: MicroUsd): string {
  return formatUsd(amount).replace(/\.00$/, "");
}

/** `$200 a month`. */
export function spending({ amount, period }: Spending): string {
  return `${money(amount)} a ${period}`;
}

export function percent(share: number): string {
  return `${String(Math.round(share * 10_000) / 100)}%`;
}

/** `; it was …`, where something was. */
export function was<T>(before: T | undefined, show: (value: T) => string): string {
  return before === undefined ? "" : `; it was ${show(before)}`;
}

/** What `subject` may cost, and might before. */
export function costs(subject: string, before: Spending | undefined, after: Spending | undefined): string {
  if (after === undefined) return `${subject} has no budget of its own any more${was(before, spending)}.`;
  return `${subject} may cost ${spending(after)}${was(before, spending)}.`;
}
