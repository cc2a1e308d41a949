import type { BLOCKED_REASONS } from "#core/wire/contract.ts";

/** Why the job can't do its work: reported to the app as `blocked`. `detail` is for people, and says what to do next. */
export type Blocked = { readonly reason: (typeof BLOCKED_REASONS)[number]; readonly detail: string };

export function blocked(reason: Blocked["reason"], detail: string): Blocked {
  return { reason, detail };
}

/** What a thrown or returned error says, in one line. */
export function messageOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.split("\n", 1)[0] ?? "";
}
