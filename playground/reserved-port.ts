import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type ListenOptions } from "node:net";

/** A loopback port that stays its holder's while nothing listens on it, so that a program can end and start on it again. */
export type ReservedPort = AsyncDisposable & { readonly port: number };

/** Below 32,768, where Linux begins to hand ports out by itself: to listeners on port 0, and to every outgoing connection. */
const FIRST = 20_000;
const LAST = 32_767;
const TRIES = 1_000;

/**
 * Merely looking for a free port and letting go of it gave two worlds one port now and then: one's app was down for a
 * moment, and the other took its own for started because the first one answered. Here the reservation is a socket in
 * Linux's abstract namespace named after the port, which the kernel frees with its process.
 */
export async function reservePort(): Promise<ReservedPort> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = randomInt(FIRST, LAST + 1);
    const reservation = await hold({ path: `\0agent-pool-port-${String(port)}` });
    if (reservation === undefined) continue;
    const probe = await hold({ port, host: "127.0.0.1" });
    if (probe === undefined) {
      await reservation[Symbol.asyncDispose]();
      continue;
    }
    await probe[Symbol.asyncDispose]();
    return { port, ...reservation };
  }
  throw new Error(`no free port between ${String(FIRST)} and ${String(LAST)}`);
}

/** Listens until disposed; undefined where somebody else does. */
async function hold(at: ListenOptions): Promise<AsyncDisposable | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.listen(at);
  try {
    await once(server, "listening");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return undefined;
    throw error;
  }
  server.unref();
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}
