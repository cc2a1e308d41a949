import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type ListenOptions } from "node:net";
import { dirname, join, relative } from "node:path";

/** Every address that sandboxed code must not reach. What arrives at one is kept, whoever sent it. */
export type Sinks = AsyncDisposable & {
  /** `host:port`: stands for any foreign host, the metadata service, a package registry. */
  readonly tcp: string;
  /** `host:port`: stands for a name server. */
  readonly udp: string;
  /** A socket in the file system, as Docker and ssh-agent have one. */
  readonly socket: string;
  /** A socket without a file, which only a network namespace shuts off. */
  readonly abstract: string;
  received(kind: "tcp" | "udp" | "socket"): readonly string[];
};

/** Not 127.0.0.1, where the world's own servers are, nor 127.0.0.2, the gateway's. */
const HOST = "127.0.0.3";
const ANSWER = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

export async function openSinks(folder: string, id: string): Promise<Sinks> {
  const stack = new AsyncDisposableStack();
  const kept = { tcp: [] as { text: string }[], udp: [] as { text: string }[], socket: [] as { text: string }[] };

  async function accept(kind: "tcp" | "socket", at: ListenOptions): Promise<AddressInfo | string | null> {
    const server = createServer((connection) => {
      const heard = { text: "" };
      kept[kind].push(heard);
      connection.on("error", () => undefined);
      connection.on("data", (chunk) => {
        heard.text += chunk.toString("latin1");
        connection.end(ANSWER);
      });
      setTimeout(() => connection.destroy(), 5_000).unref();
    });
    server.listen(at);
    await once(server, "listening");
    stack.defer(() => void server.close());
    return server.address();
  }

  const { port } = (await accept("tcp", { port: 0, host: HOST })) as AddressInfo;
  const socket = join(folder, "service.sock");
  await accept("socket", { path: socket });
  const abstract = `agent-pool-attack-${id}`;
  await accept("socket", { path: `\0${abstract}` });
  const datagrams = createSocket("udp4", (message) => kept.udp.push({ text: message.toString("latin1") }));
  datagrams.bind(0, HOST);
  await once(datagrams, "listening");
  stack.defer(() => void datagrams.close());
  return {
    tcp: `${HOST}:${String(port)}`,
    udp: `${HOST}:${String(datagrams.address().port)}`,
    socket,
    abstract,
    received: (kind) => kept[kind].map(({ text }) => text),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** A folder outside the sandbox, and what of it was made, changed or removed since it was planted. */
export type Outside = { readonly folder: string; changes(): string };

export function plantOutside(folder: string, files: Readonly<Record<string, string>>): Outside {
  mkdirSync(folder, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return {
    folder,
    changes() {
      const found = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
      const there = found.flatMap((path) => {
        const content = lstatSync(join(folder, path)).isFile() ? readFileSync(join(folder, path), "utf8") : "(no file)";
        return files[path] === content ? [] : [`${path in files ? "changed" : "made"} ${path}: ${content}`];
      });
      const gone = Object.keys(files).flatMap((path) => (existsSync(join(folder, path)) ? [] : [`removed ${path}`]));
      return [...there, ...gone].join("\n");
    },
  };
}
