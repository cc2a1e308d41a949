import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { proveSandbox } from "../../action/src/sandbox/proof.ts";
import { makeBareRunner, makeSandbox, type Reach, type Sandbox, type SandboxDeps } from "../../action/src/sandbox/sandbox.ts";
import type { Tool } from "../../action/src/tools.ts";
import { makeWorkspace } from "../../action/src/runner/workspace.ts";
import { asRoot } from "./kit/as-root.ts";
import { type Checkout, checkOut } from "./kit/checkout.ts";
import { containing } from "./kit/matchers.ts";
import { installed, requireSandbox, testSurroundings } from "./kit/tool-cache.ts";

/** Of which two (T3, T4) ran code outside the sandbox, next to the key, and nothing said so. */
describe("each trap that was found in srt", () => {
  const NOTHING: Reach = { to: "nothing" };
  let srt: Tool;
  let checkout: Checkout;
  let deps: SandboxDeps;
  let sandbox: Sandbox;
  let marker: string;

  beforeAll(async () => {
    requireSandbox();
    srt = await installed("srt");
  }, 120_000);
  beforeEach(async () => {
    checkout = await checkOut({ "a.txt": "a\n" });
    deps = { surroundings: testSurroundings(), workspace: checkout.workspace, toolFolders: [] };
    sandbox = makeSandbox(deps, srt);
    marker = join(checkout.workspace.hidden, "ran");
  });
  afterEach(() => checkout[Symbol.asyncDispose]());

  const inside = (line: string, its = sandbox, ms = 20_000) => its.run({ line, reach: NOTHING, until: performance.now() + ms });
  /** As a program does that knows nothing of the trap. */
  const plainGit = (repo: string, ...args: string[]): unknown => execFileSync("git", args, { cwd: repo, stdio: "ignore" });

  test("T1: srt's own sockets are not hidden with the temporary folder, so that the gateway answers", async () => {
    const server = createServer((_request, response) => void response.end("reached"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.2", resolve));
    const address = `127.0.0.2:${(server.address() as AddressInfo).port}`;

    const line = `curl -s -m 10 http://${address}/; ls -A /tmp`;
    const ended = await sandbox.run({ line, reach: { to: "gateway", address }, until: performance.now() + 20_000 });
    server.close();

    expect(ended.stdout.toString("utf8")).toMatch(/^reached/);
    // Of the machine's temporary folder only what leads to the run's own.
    const known = new Set([
      // Where this repository lies there: its programs are on the PATH.
      ...testSurroundings()
        .path.split(":")
        .map((it) => it.split("/")[2]),
      ...(await readdir("/tmp")).filter((it) => it.startsWith("agent-pool-tests-")),
      checkout.workspace.sockets.split("/").at(-1),
    ]);
    const listed = ended.stdout.toString("utf8").replace("reached", "").trim().split("\n");
    expect(listed.filter((it) => it !== "" && !known.has(it))).toEqual([]);
  });

  test("T2: the run's folders are the Action's own, and a sandbox that fails for another's is no success", async () => {
    await using fresh = await makeWorkspace(testSurroundings().temp);
    for (const folder of [fresh.repo, fresh.home, fresh.tmp]) expect((await stat(folder)).uid).toBe(process.getuid?.());
    const foreign = makeSandbox({ ...deps, workspace: fresh }, srt);
    const good = await inside("true", foreign);
    asRoot("chown", "65534", fresh.repo);
    const failed = await inside("true", foreign);
    const proven = await proveSandbox(foreign, deps);
    asRoot("chown", `${process.getuid?.()}`, fresh.repo);

    expect(good.exitCode).toBe(0);
    expect(failed.exitCode).not.toBe(0);
    expect(proven).toMatchObject({ ok: false, error: { kind: "notStarted" } });
  });

  test("T3: nothing inside makes .git lead to another repository, whose settings git outside would run", async () => {
    const script = `cp -r .git elsewhere && git --git-dir=elsewhere config core.fsmonitor 'touch ${marker}; false' && echo ../elsewhere > .git/commondir && cat .git/commondir`;

    await inside(script);
    plainGit(checkout.repo, "status");
    const defended = { ran: existsSync(marker), written: existsSync(join(checkout.repo, ".git/commondir")) };
    await rm(join(checkout.repo, "elsewhere"), { recursive: true, force: true });
    await inside(script, makeBareRunner(deps));
    await checkout.snapshot();
    const ours = existsSync(marker);
    plainGit(checkout.repo, "status");

    expect(defended).toEqual({ ran: false, written: false });
    // Without the sandbox it is written, and runs; but not in the Action's own git, the second defence.
    expect({ ours, control: existsSync(marker) }).toEqual({ ours: false, control: true });
  });

  test("T4: a repository that is made inside the checkout runs nothing outside, and ends in a refusal", async () => {
    const made = await inside(
      `git init -q sub && cd sub && git config core.fsmonitor 'touch ${marker}; false' && echo b > b.txt && git add b.txt && git -c user.name=t -c user.email=t@example.com commit -qm inner; echo c > b.txt`,
    );
    const copy = join(checkout.workspace.hidden, "copy");
    await cp(checkout.repo, copy, { recursive: true });

    const read = await checkout.read();
    const ran = existsSync(marker);
    plainGit(copy, "add", "-A");
    plainGit(copy, "status");

    expect(made.exitCode).toBe(0);
    expect(read).toMatchObject({ ok: false, error: { detail: containing("`sub` holds a git repository of its own") } });
    expect({ ran, control: existsSync(marker) }).toEqual({ ran: false, control: true });
  });

  test("T5: what is ended says so though srt's exit code is 0, takes everything inside with it and leaves no mount points", async () => {
    const seconds = `51${process.pid}`;
    await mkdir(join(checkout.repo, "src"));
    await writeFile(join(checkout.repo, "src/b.txt"), "b\n");

    const [polite, deaf] = [
      await inside(`sleep ${seconds}`, sandbox, 1_500),
      await inside(`trap '' TERM; setsid sleep ${seconds} & trap '' TERM; sleep ${seconds}`, sandbox, 1_500),
    ];

    expect([polite.killed, deaf.killed]).toEqual([true, true]);
    const running = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n");
    expect(running).not.toContain(`sleep ${seconds}`);
    expect(running.filter((it) => it.includes(dirname(checkout.repo)) || it.includes(checkout.workspace.sockets))).toEqual([]);
    expect(execFileSync("git", ["status", "--porcelain", "-uall"], { cwd: checkout.repo, encoding: "utf8" })).toBe(
      "?? src/b.txt\n",
    );
  });
});
