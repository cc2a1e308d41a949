import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { REGISTRIES } from "./sandbox.ts";

/** A CONNECT proxy to the registries on port 443 and to nothing else, for a sandbox whose network is closed by address. */
export async function startRegistryProxy(): Promise<AsyncDisposable & { readonly address: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((_request, response) => void response.writeHead(403).end());
  server.on("connect", (request, client: Socket, head: Buffer) => {
    const host = REGISTRIES.find((it) => request.url === `${it}:443`);
    if (host === undefined) {
      client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    const registry = connect(443, host, () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      // What came along with the question: a client need not wait for the answer.
      registry.write(head);
      client.pipe(registry).pipe(client);
    });
    for (const [one, other] of [[client, registry], [registry, client]] as const)
      sockets.add(one.on("error", () => {}).on("close", () => sockets.delete(one) && other.destroy())); // prettier-ignore
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.2", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.2:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
