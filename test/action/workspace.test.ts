import { chmod, lstat } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { MockAgent } from "undici";
import { describe, expect, test } from "vitest";
import { fetchBase } from "../../action/src/checkout/fetch.ts";
import { makeWorkspace } from "../../action/src/runner/workspace.ts";
import { put } from "./kit/checkout.ts";
import { containing } from "./kit/matchers.ts";
import { testSurroundings } from "./kit/tool-cache.ts";

describe("the fetch", () => {
  test.each([
    ["an address that isn't safe", { cloneUrl: "http://github.com/acme/web.git" }, process.env["PATH"] ?? "", "must be https"],
    ["no git", { cloneUrl: "https://127.0.0.1:1/acme/web.git" }, "/nonexistent", "no git on the runner's PATH"],
  ])("revokes its token also where %s keeps it from starting", async (_name, { cloneUrl }, path, detail) => {
    await using workspace = await makeWorkspace(testSurroundings().temp);
    const dispatcher = new MockAgent();
    dispatcher.disableNetConnect();
    const revoked: unknown[] = [];
    dispatcher.get("https://api.github.com").intercept({ path: "/installation/token", method: "DELETE" }).reply(({ headers }) => {
      revoked.push(new Headers(headers).get("authorization"));
      return { statusCode: 204 };
    }); // prettier-ignore
    const surroundings = { ...testSurroundings(), githubApiUrl: "https://api.github.com", path };
    const deps = { surroundings, dispatcher, signal: new AbortController().signal, until: performance.now() + 5_000 };

    const fetched = await fetchBase(deps, workspace, { cloneUrl, base: "0".repeat(40), token: "ghs_once" });

    expect(fetched).toMatchObject({ ok: false, error: { reason: "fetchFailed", detail: containing(detail) } });
    expect(revoked).toEqual(["Bearer ghs_once"]);
  });
});

describe("a repository that is too large for the time there is", () => {
  test("ends the fetch with that as its reason", async () => {
    await using workspace = await makeWorkspace(testSurroundings().temp);
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => void sockets.add(socket));
    await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
    const { port } = silent.address() as AddressInfo;
    const dispatcher = new MockAgent();
    dispatcher.disableNetConnect();
    dispatcher.get("https://api.github.com").intercept({ path: "/installation/token", method: "DELETE" }).reply(204);
    const surroundings = { ...testSurroundings(), githubApiUrl: "https://api.github.com" };
    const deps = { surroundings, dispatcher, signal: new AbortController().signal, until: performance.now() + 3_000 };

    const cloneUrl = `http://127.0.0.1:${String(port)}/acme/web.git`;
    const fetched = await fetchBase(deps, workspace, { cloneUrl, base: "0".repeat(40), token: "ghs_once" });
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => silent.close(done));

    expect(fetched).toMatchObject({
      ok: false,
      error: { reason: "fetchFailed", detail: containing("in time. Its files alone") },
    });
    expect(sockets.size).toBe(1);
  });
});

describe("the run's folders", () => {
  // Root may delete anything; as any other user this failed.
  test("are gone afterwards, also where a command has closed one", async () => {
    const workspace = await makeWorkspace(testSurroundings().temp);
    await put(workspace.home, "go/pkg/mod/a.go", "a");
    await chmod(join(workspace.home, "go/pkg/mod"), 0o555);
    await chmod(join(workspace.home, "go"), 0);

    await workspace[Symbol.asyncDispose]();

    for (const folder of [workspace.home, workspace.sockets]) await expect(lstat(folder)).rejects.toThrow("ENOENT");
  });
});
