import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeSandbox, type Reach, type Sandbox, type SandboxDeps } from "../../action/src/sandbox/sandbox.ts";
import { makeWorkspace, type Workspace } from "../../action/src/runner/workspace.ts";
import { installed, requireSandbox, testSurroundings } from "./kit/tool-cache.ts";

const NOTHING: Reach = { to: "nothing" };
let workspace: Workspace;
let deps: SandboxDeps;
let sandbox: Sandbox;

async function inside(line: string, reach = NOTHING, ms = 20_000): Promise<string> {
  const ended = await sandbox.run({ line, reach, until: performance.now() + ms });
  return `${ended.stdout.toString("utf8")}${ended.stderr}`.trim();
}

describe("the sandbox", () => {
  beforeAll(async () => {
    requireSandbox();
    const srt = await installed("srt");
    workspace = await makeWorkspace(testSurroundings().temp);
    execFileSync("git", ["init", "-q"], { cwd: workspace.repo });
    deps = { surroundings: testSurroundings(), workspace, toolFolders: [] };
    sandbox = makeSandbox(deps, srt);
    // What an Action's process has around it, and what a sandboxed one must not find.
    process.env["AGENT_POOL_TEST_SECRET"] = "sk-ant-api03-real-key-in-the-environment";
  }, 120_000);
  afterAll(async () => {
    delete process.env["AGENT_POOL_TEST_SECRET"];
    await workspace[Symbol.asyncDispose]();
  });

  test("holds nothing of the runner's environment, in its own or any process's", async () => {
    const seen = await inside("env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; tr '\\0' ' ' < /proc/$PPID/cmdline");

    expect(seen).toContain("SANDBOX_RUNTIME=1");
    expect(seen).not.toMatch(/AGENT_POOL_TEST_SECRET|real-key|RUNNER_|GITHUB_|ACTIONS_/);
  });

  test("hides the Action's files, other homes and the runner's folders", async () => {
    await writeFile(join(workspace.hidden, "secret"), "hidden", { mode: 0o644 });
    await writeFile(join(deps.surroundings.temp, "pending.json"), "run token", { mode: 0o644 });

    const seen = await inside(
      `cat ${workspace.hidden}/* ${deps.surroundings.temp}/pending.json; ls -A /root /home /mnt ${homedir()}; ls ${deps.surroundings.temp}`,
    );

    expect(seen).not.toMatch(/hidden$|run token/m);
    expect(seen).not.toContain(".bashrc");
    expect(seen).not.toContain("pending.json\n");
  });

  test("reaches the one address it was given and no other on this machine", async () => {
    const listen = async (host: string): Promise<{ address: string; close: () => void }> => {
      const server = createServer((_request, response) => void response.end("reached"));
      await new Promise<void>((resolve) => server.listen(0, host, resolve));
      return { address: `${host}:${(server.address() as AddressInfo).port}`, close: () => void server.close() };
    };
    const [allowed, sibling, local] = [await listen("127.0.0.2"), await listen("127.0.0.2"), await listen("127.0.0.1")];
    const get = (address: string): string =>
      `curl -s -o /dev/null -m 5 -w '%{http_code} ' http://${address}/; curl -s -o /dev/null -m 5 --noproxy '*' -w '%{http_code} ' http://${address}/;`;

    const codes = await inside([allowed, sibling, local].map((it) => get(it.address)).join(" "), {
      to: "gateway",
      address: allowed.address,
    });
    const none = await inside(get(allowed.address));
    for (const it of [allowed, sibling, local]) it.close();

    // Each through srt's proxy, then directly. 127.0.0.1 is in NO_PROXY, so it is tried directly both times.
    expect(codes.split(" ")).toEqual(["200", "000", "403", "000", "000", "000"]);
    expect(none).not.toContain("200");
  });

  test("reads .git, and writes beside it", async () => {
    const seen = await inside("cat .git/HEAD; echo y > new.txt && cat new.txt");

    expect(seen).toContain("ref: refs/heads/");
    expect(await readFile(join(workspace.repo, "new.txt"), "utf8")).toBe("y\n");
  });

  test("leaves no files of its own behind", async () => {
    await mkdir(join(workspace.repo, "src"), { recursive: true });
    await inside("true");

    const left = execFileSync("git", ["status", "--porcelain"], { cwd: workspace.repo, encoding: "utf8" });

    expect(left.trim()).toBe("?? new.txt");
  });

  test("ends everything inside once it has more processes or memory than it may", async () => {
    const until = performance.now() + 60_000;
    const most = { processes: 60, bytes: 300 * 1024 ** 2 };
    const forking = "for i in $(seq 100); do setsid sleep 63 & done; sleep 63";
    const filling = `'${process.execPath}' -e 'globalThis.all = Buffer.alloc(500e6, 1); setTimeout(() => {}, 63_000)'`;

    const ended = [];
    for (const line of [forking, filling, "sleep 2"]) ended.push(await sandbox.run({ line, reach: NOTHING, until, most }));

    expect(ended.map(({ killed }) => killed)).toEqual([true, true, false]);
    for (const { ms } of ended) expect(ms).toBeLessThan(25_000);
    expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n")).not.toContain("sleep 63");
  });
});
