import { capacityOf, NO_FIT } from "#core/pool/capacity.ts";
import { afterReading, afterUse, type Kept } from "#core/pool/observe.ts";
import { allowanceKey, counts, LENGTH_MS, type Allowance } from "#core/pool/windows.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Sighting } from "./policy.ts";

/** What the product knows of one account: its store's rows, written by its own rules. */
export type Book = Map<string, Entry>;

type Entry = Pick<Allowance, "name" | "model"> & { readonly kept: Kept };

const NEW: Kept = { share: null, observedAt: null, resetsAt: null, own: 0, since: 0, fit: NO_FIT };

export function makeBook(windows: readonly Pick<Allowance, "name" | "model">[]): Book {
  return new Map(windows.map((window) => [allowanceKey(window), { ...window, kept: NEW }]));
}

/** Our own use, as a run reports it. */
export function use(book: Book, amount: number, model: string, now: number): void {
  if (amount <= 0) return;
  for (const [key, entry] of book) {
    if (!counts(entry, model)) continue;
    book.set(key, { ...entry, kept: afterUse(entry.kept, amount, EpochMs(now), LENGTH_MS[entry.name]) });
  }
}

/** The provider's figures, as a run reports them, after its own use up to then. */
export function sight(book: Book, sightings: readonly Sighting[], now: number): void {
  for (const { name, model, share, resetsAt } of sightings) {
    const key = allowanceKey({ name, model });
    const entry = book.get(key);
    if (entry === undefined) continue;
    const reading = { share, resetsAt: EpochMs(resetsAt) };
    book.set(key, { ...entry, kept: afterReading(entry.kept, reading, EpochMs(now), 0, LENGTH_MS[name]) });
  }
}

export function allowancesOf(book: Book, heldOf: (key: string) => number): Allowance[] {
  return [...book].map(([key, { name, model, kept }]) => ({
    name,
    model,
    capacity: capacityOf(kept.fit),
    observed: kept.share === null || kept.observedAt === null ? null : { share: kept.share, at: kept.observedAt },
    resetsAt: kept.resetsAt,
    own: kept.own,
    since: kept.since,
    held: heldOf(key),
  }));
}
