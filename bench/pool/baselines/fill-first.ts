import { baseline } from "./kit.ts";

/** The first seat that doesn't rest, until it does (CLIProxyAPI's `fill-first`). */
export const fillFirst = baseline("fill-first", () => ({ choose: (_job, seats) => seats[0] }));
