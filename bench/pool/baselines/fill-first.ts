import { baseline } from "./kit.ts";

/** Unbounded, as shipped, all that waits for a reset falls on one seat at it, and nearly nothing gets done; so it is bounded here. */
const AT_ONCE = 3;

/** The first seat that doesn't rest, until it does (CLIProxyAPI's `fill-first`). Jobs at once: three, to its favour. */
export const fillFirst = baseline("fill-first", () => ({ choose: (_job, seats) => seats.find(({ live }) => live < AT_ONCE) }));
