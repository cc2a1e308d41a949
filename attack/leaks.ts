import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, connect, type Socket } from "node:net";
import { join } from "node:path";

/** A wire between two parties that keeps every byte that crosses it, in both directions. */
export type Tap = AsyncDisposable & { readonly url: string; sent(): string; answered(): string };

export async function tap(target: string): Promise<Tap> {
  const { hostname, port } = new URL(target);
  const bytes = { sent: [] as Buffer[], answered: [] as Buffer[] };
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [from, to, kept] of [
      [near, far, bytes.sent],
      [far, near, bytes.answered],
    ] as const) {
      open.add(from);
      from.on("data", (chunk: Buffer) => kept.push(chunk));
      from.on("error", () => to.destroy());
      from.on("close", () => open.delete(from));
      from.pipe(to);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${String(address.port)}`,
    sent: () => Buffer.concat(bytes.sent).toString("latin1"),
    answered: () => Buffer.concat(bytes.answered).toString("latin1"),
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** The forms in which a secret leaves unnoticed. Made here anew, not by the code that is to find them. */
export function formsOf(secret: string): Readonly<Record<string, string>> {
  const bytes = Buffer.from(secret, "utf8");
  const base64 = (before: number) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const spoilt = Math.ceil((before * 8) / 6);
    return (before + bytes.length) % 3 === 0 ? text.slice(spoilt) : text.slice(spoilt, -1);
  };
  return {
    plain: secret,
    reversed: Array.from(secret).toReversed().join(""),
    hex: bytes.toString("hex"),
    "base64, first of three": base64(0),
    "base64, second of three": base64(1),
    "base64, third of three": base64(2),
    uri: encodeURIComponent(secret),
  };
}

/** Which forms of which secrets are in which place: `place: name (form)`. */
export function findLeaks(places: Readonly<Record<string, string>>, secrets: Readonly<Record<string, string>>): string[] {
  return Object.entries(places).flatMap(([place, text]) =>
    Object.entries(secrets).flatMap(([name, secret]) =>
      Object.entries(formsOf(secret)).flatMap(([form, value]) =>
        text.includes(value) || (form === "hex" && text.includes(value.toUpperCase())) ? [`${place}: ${name} (${form})`] : [],
      ),
    ),
  );
}

/** Every object of a repository, reachable or not: commits, trees and file contents. */
export function allObjects(gitDir: string): string {
  return execFileSync("git", ["--git-dir", gitDir, "cat-file", "--batch-all-objects", "--batch"], {
    maxBuffer: 256 * 1024 * 1024,
  }).toString("latin1");
}

/** All files below a folder, by path. */
export function allFiles(folder: string, but: (path: string) => boolean = () => false): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).filter((path) => !but(path));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path, "latin1")]));
}
