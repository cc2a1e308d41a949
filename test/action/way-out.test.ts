import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { request } from "undici";
import { describe, expect, test } from "vitest";
import { makeWayOut } from "#action/runner/way-out.ts";

/** Answers what is asked of it, and notes and refuses each tunnel that is asked for. */
async function startProxy(): Promise<AsyncDisposable & { readonly address: string; readonly tunnels: string[] }> {
  const tunnels: string[] = [];
  const server = createServer((_request, response) => void response.end("here"));
  server.on("connect", ({ url = "" }, socket) => {
    tunnels.push(url);
    socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    tunnels,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("the way out", () => {
  test.each(["https_proxy", "HTTPS_PROXY"])("leads through the proxy that %s names", async (name) => {
    await using proxy = await startProxy();
    const dispatcher = makeWayOut({ [name]: `http://${proxy.address}` });

    await expect(request("https://api.example.com/v1/messages", { dispatcher })).rejects.toThrow(/Proxy response \(403\)/);

    expect(proxy.tunnels).toEqual(["api.example.com:443"]);
    await dispatcher.close();
  });

  test.each([
    ["no proxy is named", {}],
    ["the host needs none", { http_proxy: "http://127.0.0.1:1", no_proxy: "localhost,127.0.0.1" }],
  ])("is straight where %s", async (_name, env) => {
    await using host = await startProxy();
    const dispatcher = makeWayOut(env);

    const answer = await request(`http://${host.address}/`, { dispatcher });

    expect(await answer.body.text()).toBe("here");
    await dispatcher.close();
  });
});
