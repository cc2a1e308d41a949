import { createHash } from "node:crypto";
import { mkdirSync, realpathSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { once } from "node:events";

/** Another process has the embedded store open. */
export class StoreInUse extends Error {
  constructor(directory: string, holder: string) {
    super(
      `the store in ${directory} is in use by ${holder}. Stop that process, or give this one its own AGENT_POOL_DATA; to run several, use DATABASE_URL`,
    );
  }
}

/**
 * Keeps a second process out of an embedded store's folder, which PGlite itself does not: a second one was seen to
 * write a row that was silently gone afterwards. The guard is a listening socket in Linux's abstract namespace, named
 * after the folder: the kernel frees it the moment its process ends, `kill -9` included, so no stale lock can remain
 * (a lock file could). Whoever connects is told the holder's process id.
 */
export async function guardDirectory(directory: string): Promise<AsyncDisposable> {
  mkdirSync(directory, { recursive: true });
  const real = realpathSync(directory);
  const name = `agent-pool-${createHash("sha256").update(real).digest("hex").slice(0, 32)}`;
  // Outside Linux there is no abstract namespace; a socket file in the folder stands in and may need removing by hand.
  const path = process.platform === "linux" ? `\0${name}` : join(real, "in-use.sock");
  const server = createServer((socket) => socket.end(`process ${String(process.pid)}`));
  try {
    await listen(server, path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
      throw new StoreInUse(real, await askHolder(path));
    }
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

async function listen(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, "listening");
}

async function askHolder(path: string): Promise<string> {
  const socket = connect(path);
  socket.setTimeout(1_000, () => socket.destroy());
  try {
    let said = "";
    for await (const chunk of socket) said += String(chunk);
    return said || "another process";
  } catch {
    return "another process";
  }
}
