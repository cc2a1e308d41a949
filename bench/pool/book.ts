import { capacityOf, isSameWindow, isTelling, learn, NO_FIT, type Fit } from "#core/pool/capacity.ts";
import { allowanceKey, LENGTH_MS, type Allowance } from "#core/pool/windows.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Sighting } from "./policy.ts";

/**
 * What the product knows of one account: what its store keeps in rows. The rules (what is learned, when a window is another)
 * are the product's own functions; here are only the sums they read.
 */
export type Book = Map<string, Entry>;

type Entry = {
  readonly name: Allowance["name"];
  readonly model: string | null;
  fit: Fit;
  observed: { readonly share: number; readonly at: number } | null;
  resetsAt: number | null;
  own: number;
  since: number;
  /** Where the interval that is to be learned from begins, and our own use in it. */
  anchor: { readonly share: number; readonly at: number; readonly own: number } | null;
  /** Its reset has passed, and nothing was seen since. */
  isOver: boolean;
};

export function makeBook(windows: readonly Pick<Allowance, "name" | "model">[]): Book {
  return new Map(
    windows.map(({ name, model }) => [
      allowanceKey({ name, model }),
      { name, model, fit: NO_FIT, observed: null, resetsAt: null, own: 0, since: 0, anchor: null, isOver: false },
    ]),
  );
}

/** A window whose reset has passed begins anew: of the next one we have used nothing yet. */
export function turn(book: Book, now: number): void {
  for (const entry of book.values()) {
    if (entry.isOver || entry.resetsAt === null || now < entry.resetsAt) continue;
    Object.assign(entry, { own: 0, since: 0, anchor: null, isOver: true });
  }
}

/** When the next window's reset passes. */
export function turnsAt(book: Book): number {
  let next = Infinity;
  for (const { isOver, resetsAt } of book.values()) if (!isOver && resetsAt !== null) next = Math.min(next, resetsAt);
  return next;
}

/** Our own use, as a run reports it. */
export function use(book: Book, amount: number, model: string, now: number): void {
  turn(book, now);
  for (const entry of book.values()) {
    if (entry.model !== null && entry.model !== model) continue;
    entry.own += amount;
    entry.since += amount;
  }
}

/** The provider's figures, as a run reports them, after its own use up to then. */
export function sight(book: Book, sightings: readonly Sighting[], now: number): void {
  turn(book, now);
  for (const { name, model, share, resetsAt } of sightings) {
    const entry = book.get(allowanceKey({ name, model }));
    if (entry === undefined) continue;
    const { observed } = entry;
    if (observed !== null && !entry.isOver) {
      const before = { share: observed.share, resetsAt: epoch(entry.resetsAt) };
      if (isSameWindow(before, { share, resetsAt: EpochMs(resetsAt) })) {
        learnSince(entry, share, now);
      } else Object.assign(entry, { own: 0, anchor: null });
    }
    entry.anchor ??= { share, at: now, own: entry.own };
    Object.assign(entry, { observed: { share, at: now }, resetsAt, since: 0, isOver: false });
  }
}

function learnSince(entry: Entry, share: number, now: number): void {
  const { anchor } = entry;
  if (anchor === null) return;
  const interval = { own: entry.own - anchor.own, ms: now - anchor.at, share: share - anchor.share };
  if (!isTelling(interval, LENGTH_MS[entry.name])) return;
  Object.assign(entry, { fit: learn(entry.fit, interval), anchor: null });
}

export function allowancesOf(book: Book, heldOf: (key: string) => number): Allowance[] {
  return [...book].map(([key, { name, model, fit, observed, resetsAt, own, since }]) => ({
    name,
    model,
    capacity: capacityOf(fit),
    observed: observed === null ? null : { share: observed.share, at: EpochMs(observed.at) },
    resetsAt: epoch(resetsAt),
    own,
    since,
    held: heldOf(key),
  }));
}

function epoch(at: number | null): EpochMs | null {
  return at === null ? null : EpochMs(at);
}
