import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { makeOtherUser } from "../../action/src/sandbox/other-user.ts";
import { proveSandbox } from "../../action/src/sandbox/proof.ts";
import { makeBareRunner, makeSandbox, type SandboxDeps, type SandboxedCommand } from "../../action/src/sandbox/sandbox.ts";
import { makeWorkspace } from "../../action/src/runner/workspace.ts";
import { asRoot } from "./kit/as-root.ts";
import { containing } from "./kit/matchers.ts";
import { installed, requireSandbox, testSurroundings } from "./kit/tool-cache.ts";

const OPEN_WORLD = fileURLToPath(new URL("kit/open-world.ts", import.meta.url));

/** Together with a unix socket that listens in another network namespace, like one that is mounted into a container. */
async function proveInOpenWorld(kind: "srt" | "user" | "none"): Promise<unknown> {
  const path = join(tmpdir(), `mounted-${kind}-${process.pid}`);
  await using service = createServer().listen({ path, readableAll: true, writableAll: true });
  await once(service, "listening");
  return JSON.parse(asRoot("unshare", "--net", "--mount", process.execPath, OPEN_WORLD, kind));
}

async function place(change: Partial<SandboxDeps["surroundings"]> = {}): Promise<SandboxDeps & AsyncDisposable> {
  const surroundings = { ...testSurroundings(), ...change };
  const workspace = await makeWorkspace(surroundings.temp);
  return { surroundings, workspace, toolFolders: [], [Symbol.asyncDispose]: () => workspace[Symbol.asyncDispose]() };
}

describe("the proof of a sandbox", () => {
  beforeAll(async () => {
    requireSandbox();
    await installed("srt");
  }, 120_000);

  test.each(["srt", "user"] as const)("passes %s where all that must not be reached would answer", async (kind) => {
    expect(await proveInOpenWorld(kind)).toEqual({ ok: true });
  });

  test("names everything that is open where there is no sandbox", async () => {
    const { error } = (await proveInOpenWorld("none")) as { error: { kind: string; detail: string } };

    expect(error.kind).toBe("leaks");
    expect(error.detail.split(", ")).toEqual(
      expect.arrayContaining([
        "another port of this machine can be reached", "a foreign host can be reached", "the cloud's metadata address can be reached",
        "a name server answers", "a service of this machine answers on a unix socket", "the Action's own files can be read", "the environment that holds the key can be read",
        "the runner's processes can be seen", "the checkout's .git can be written", "setuid programs work",
      ]),
    ); // prettier-ignore
  });

  test("finds a service that answers on a unix socket, by name or by an abstract one", async () => {
    const names = [join(tmpdir(), `service-${process.pid}`), `\0service-${process.pid}`];
    const found: unknown[] = [];
    for (const name of names) {
      const service = createServer((socket) => void socket.end()).listen(name);
      await using its = await place();
      found.push(await proveSandbox(makeBareRunner(its), its));
      service.close();
    }

    const leak = { error: { detail: containing("a service of this machine answers on a unix socket") } };
    expect(found).toMatchObject([leak, leak]);
  });

  test("finds a sudo that works", async () => {
    const programs = await mkdtemp(join(tmpdir(), "programs-"));
    await writeFile(join(programs, "sudo"), "#!/bin/sh\n", { mode: 0o755 });
    await using its = await place({ path: `${programs}:${testSurroundings().path}` });

    const proven = await proveSandbox(makeBareRunner(its), its);
    await rm(programs, { recursive: true });

    expect(proven).toMatchObject({ error: { detail: containing("sudo works") } });
  });

  test("finds the runner's own credentials where they can be read", async () => {
    const root = await mkdtemp(join(tmpdir(), "runner-"));
    await writeFile(join(root, ".credentials"), "{}", { mode: 0o644 });
    await using own = await place({ hidden: [root] });
    const srt = await installed("srt");

    const bare = await proveSandbox(makeBareRunner(own), own);
    const open = await proveSandbox(makeSandbox({ ...own, toolFolders: [root] }, srt), own);
    const hidden = await proveSandbox(makeSandbox(own, srt), own);
    await rm(root, { recursive: true });

    expect(bare).toMatchObject({ error: { detail: containing("the runner's credentials can be read") } });
    expect(open).toMatchObject({ error: { kind: "leaks", detail: "the runner's credentials can be read" } });
    expect(hidden).toEqual({ ok: true, value: undefined });
  });

  test("leaves nothing in the checkout's place", async () => {
    await using its = await place();
    await proveSandbox(makeBareRunner(its), its);

    expect(asRoot("ls", "-A", its.workspace.repo)).toBe("");
  });

  test.each([
    ["the gateway can't be reached", { to: "nothing" }],
    ["another port of this machine can be reached", { to: "gateway" }],
  ] as const)("of a separate user says: %s, where its rule is another", async (says, reach) => {
    await using its = await place();
    const made = await makeOtherUser(its, await installed("srt"));
    if (!made.ok) throw new Error(made.error);
    await using user = made.value;
    const uid = await user.run({ line: "id -u", reach: { to: "nothing" }, until: performance.now() + 20_000 });
    const rule = ["OUTPUT", "-m", "owner", "--uid-owner", uid.stdout.toString("utf8").trim(), "-o", "lo", "-j", "ACCEPT"];
    if (reach.to === "gateway") asRoot("iptables", "-I", ...rule);

    const shut = (command: SandboxedCommand): SandboxedCommand => (reach.to === "nothing" ? { ...command, reach } : command);
    const proven = await proveSandbox({ kind: "user", run: (command) => user.run(shut(command)) }, its);
    if (reach.to === "gateway") asRoot("iptables", "-D", ...rule);

    expect(proven).toMatchObject({ ok: false, error: { kind: "leaks", detail: containing(says) } });
  });
});
