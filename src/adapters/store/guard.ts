import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Another process has the embedded store open. */
export class StoreInUse extends Error {
  constructor(directory: string, holder: string) {
    super(
      `the store in ${directory} is in use by ${holder}. Stop that process, or give this one its own AGENT_POOL_DATA; to run several, use DATABASE_URL`,
    );
  }
}

/** A socket's path may be 107 bytes long on Linux. */
const MAX_PATH = 107;
/** How long after taking the place the second look comes: two that take over one dead holder's place are told apart by it. */
const SECOND_LOOK_MS = 100;

/**
 * Keeps a second process out of an embedded store's folder, which PGlite itself does not: a second one was seen to
 * write a row that was silently gone afterwards. The guard is a socket in the folder that the holder listens on: unlike a
 * lock file it can be asked whether its maker still lives, `kill -9` or not, and unlike a name in Linux's abstract namespace
 * it is seen from another container that has the folder mounted. Whoever connects is told the holder's process.
 */
export async function guardDirectory(directory: string): Promise<AsyncDisposable> {
  makeFolder(resolve(directory));
  const real = realpathSync(directory);
  const path = join(real, "in-use.sock");
  if (Buffer.byteLength(path) > MAX_PATH) throw new Error(`AGENT_POOL_DATA is too long a path: ${real}`);
  const me = `process ${String(process.pid)} (${randomUUID()})`;

  const holder = await askHolder(path);
  if (holder !== undefined) throw new StoreInUse(real, named(holder));
  // Nobody answers there: what a killed process left behind, or nothing.
  rmSync(path, { force: true });
  // Who asks may be gone before the answer; without a listener that would end this process.
  const server = createServer((socket) => socket.on("error", () => undefined).end(me));
  try {
    await listen(server, path);
    await sleep(SECOND_LOOK_MS);
    const now = await askHolder(path);
    if (now !== me) throw new StoreInUse(real, now === undefined ? "another process" : named(now));
  } catch (error) {
    // Not closed: that would take away the file, which is the other's by now. It goes with this process.
    server.unref();
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") throw new StoreInUse(real, "another process");
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

/** Not Node's `recursive`: where the system makes no folder though its parent is there, as in /proc, that one tries for ever. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

function named(holder: string): string {
  return holder.replace(/ \(.*$/, "");
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, "listening");
}

/** What the holder says of itself; undefined when nobody listens there. */
async function askHolder(path: string): Promise<string | undefined> {
  const socket = connect(path);
  socket.setTimeout(1_000, () => socket.destroy());
  let connected = false;
  socket.once("connect", () => (connected = true));
  let said = "";
  try {
    for await (const chunk of socket) said += String(chunk);
  } catch {
    // Refused, or cut by the time limit: a process that is stopped listens and can't answer, and holds the place all the same.
  }
  return said || (connected ? "another process" : undefined);
}
