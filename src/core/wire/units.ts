/** Units in types. Money is integer micro-dollars, time is epoch milliseconds UTC, spans are in their names (`timeoutMs`). */
declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

/** Integer millionths of a US dollar. */
export type MicroUsd = Unit<"MicroUsd">;
/** Epoch milliseconds, UTC, read from the database's clock once per transaction. */
export type EpochMs = Unit<"EpochMs">;

export const MicroUsd = (value: number): MicroUsd => value as MicroUsd;
export const EpochMs = (value: number): EpochMs => value as EpochMs;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** `$1.2345` for people. At most four decimals, at least two; a non-zero amount never shows as zero. */
export function formatUsd(amount: MicroUsd): string {
  const dollars = amount / 1_000_000;
  if (amount > 0 && amount < 100) return "<$0.0001";
  return `$${dollars.toFixed(4).replace(/0{1,2}$/, "")}`;
}
