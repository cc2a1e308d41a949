import type { Facts, Seen } from "../facts.ts";

/** `ok` null: it could not be seen, and is not said to be well. `fix`: what can be pasted into a shell, or, where GitHub has that on its pages alone, the page. */
export type Verdict =
  | { readonly ok: true; readonly why: string }
  | { readonly ok: false | null; readonly why: string; readonly fix: string };

/** One thing that has to hold so that work starts, keys are safe, and what is done arrives. */
export type Check = {
  readonly name: string;
  /** What is known of a set-up where it is well, for docs/doctor.md. */
  readonly proves: string;
  readonly look: (facts: Facts) => Verdict;
};

export function well(why: string): Verdict {
  return { ok: true, why };
}

export function broken(why: string, fix: string): Verdict {
  return { ok: false, why, fix };
}

export function unseen(why: string, fix: string): Verdict {
  return { ok: null, why, fix };
}

/** Looks at what was seen; else says that it wasn't, and how it can be. */
export function see<T>(seen: Seen<T>, fix: string, look: (value: T) => Verdict): Verdict {
  return "seen" in seen ? look(seen.seen) : unseen(seen.unseen, fix);
}

export function list(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${String(names.length - 5)} more` : names.join(", ");
}
