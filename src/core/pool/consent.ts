import { createHash } from "node:crypto";

/**
 * What lending a seat means: README shows it, and the answer to `/agent lend`. A consent is to this very text, so each change
 * of it has every seat lent anew. Source of what it says of terms: Anthropic's legal pages, read on 2026-09-30.
 */
export const NOTICE = [
  "A seat is one person's subscription. A lent one serves the tasks of everyone who may start work here, one at a time, as far as `keep-for-owner` leaves room in each of its windows. What they use counts against its owner's limits, and the provider sees it as its owner's.",
  "Anthropic's terms, read on 2026-09-30, don't allow this of Free, Pro and Max plans: they are for ordinary use by who bought them, an account may not be made available to anyone else, and requests may not be routed through it on behalf of others. Accounts have been disabled over it, and that may come without notice. Whether Team and Enterprise seats may serve others is not settled: ask the provider, in writing. None of this concerns an organisation's own API keys.",
  "agent-pool runs the provider's own unmodified program and puts the seat's token into that program's requests, on the runner. It refreshes, disguises and keeps warm nothing, and the app never holds the token.",
].join("\n\n");

/** Kept with each consent: it lapses when the text is another. */
export const NOTICE_HASH = createHash("sha256").update(NOTICE).digest("hex");

/** That a person lends a seat: by its name, and by the login that GitHub vouched for when it was said. */
export type Consent = { readonly credential: string; readonly login: string };

/** The policy names a seat's owner by login: only that person's word counts, and only what the policy says they lend. */
export function isLent(
  seat: { readonly name: string; readonly owner?: string | undefined; readonly serves?: "owner" | "everyone" | undefined },
  consents: readonly Consent[],
): boolean {
  return (
    seat.serves === "everyone" &&
    seat.owner !== undefined &&
    consents.some(({ credential, login }) => credential === seat.name && isOwner(seat, login))
  );
}

/** Logins differ in case on the page and nowhere else. */
export function isOwner({ owner }: { readonly owner?: string | undefined }, login: string): boolean {
  return owner !== undefined && owner.toLowerCase() === login.toLowerCase();
}
