import { chmod, mkdir, readdir, readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { emptyOf, keepSetUp, whereSetUpEnded } from "../../action/src/checkout/homes.ts";
import { makeBareRunner, type Sandbox } from "../../action/src/sandbox/sandbox.ts";
import { makeWorkspace, type Workspace } from "../../action/src/runner/workspace.ts";
import { containing } from "./kit/matchers.ts";
import { put } from "./kit/checkout.ts";
import { testSurroundings } from "./kit/tool-cache.ts";

let workspace: Workspace;
let runner: Sandbox;
const soon = (): number => performance.now() + 20_000;

beforeEach(async () => {
  workspace = await makeWorkspace(testSurroundings().temp);
  runner = makeBareRunner({ surroundings: testSurroundings(), workspace, toolFolders: [] });
});
afterEach(() => workspace[Symbol.asyncDispose]());

async function exitCode(line: string): Promise<number | null> {
  return (await runner.run({ line, reach: { to: "nothing" }, until: soon() })).exitCode;
}
/** A project whose check fails. */
async function project(): Promise<void> {
  await put(workspace.repo, "package.json", JSON.stringify({ scripts: { test: "exit 7" } }));
}
/** npm told to run checks by a program that always succeeds. */
const forge = (folder: "home" | "repo" = "home") => put(workspace[folder], ".npmrc", "script-shell=/bin/true\n");

describe("the place of a verification", () => {
  test.each(["home", "repo"] as const)(
    "holds nothing that the harness wrote into its %s, so a failing check fails",
    async (folder) => {
      await project();
      await keepSetUp(workspace, soon());
      await forge(folder);

      const forged = await exitCode("npm test");
      const verified = await whereSetUpEnded(workspace, soon(), () => exitCode("npm test"));

      expect(forged).toBe(0);
      expect(verified).toEqual({ ok: true, value: 7 });
    },
  );

  test("holds nothing that an earlier verification wrote", async () => {
    await project();
    await keepSetUp(workspace, soon());
    await whereSetUpEnded(workspace, soon(), () => forge("repo"));

    expect(await whereSetUpEnded(workspace, soon(), () => exitCode("npm test"))).toEqual({ ok: true, value: 7 });
  });

  test("holds what set-up installed, at its own path, whatever the harness did to it", async () => {
    const tool = join(workspace.home, "lib/tool");
    await put(workspace.home, "lib/tool", "#!/bin/sh\nexit 5\n");
    await chmod(tool, 0o755);
    await mkdir(join(workspace.home, "bin"));
    await symlink(tool, join(workspace.home, "bin/tool"));
    await chmod(join(workspace.home, "lib"), 0o555);
    await keepSetUp(workspace, soon());
    const harness = await exitCode("~/bin/tool");
    await exitCode("chmod -R u+w ~; rm -rf ~/lib; chmod 0 ~");

    const verified = await whereSetUpEnded(workspace, soon(), () => exitCode("~/bin/tool"));

    expect([harness, verified]).toEqual([5, { ok: true, value: 5 }]);
  });

  test("goes afterwards, and the harness finds its own again, with its TMPDIR", async () => {
    await put(workspace.tmp, "of-set-up", "");
    await keepSetUp(workspace, soon());
    await put(workspace.home, "session", "s");
    await put(workspace.tmp, "scratch", "s");

    const seen = await whereSetUpEnded(workspace, soon(), async () => {
      const both = [await readdir(workspace.home), await readdir(workspace.tmp)];
      await exitCode("echo x > ~/left; echo x > $TMPDIR/left");
      return both;
    });

    expect(seen).toEqual({ ok: true, value: [[], []] });
    expect([await readdir(workspace.home), await readdir(workspace.tmp)]).toEqual([["session"], ["scratch"]]);
    expect(await readFile(join(workspace.home, "session"), "utf8")).toBe("s");
  });

  test("that can't be made ends nothing but the verification", async () => {
    await keepSetUp(workspace, soon());
    await put(workspace.home, "session", "s");
    await rm(join(workspace.hidden, "set-up-home"), { recursive: true });

    const verified = await whereSetUpEnded(workspace, soon(), () => Promise.reject(new Error("was run")));

    expect(verified).toMatchObject({ ok: false, error: { reason: "setupFailed", detail: containing("can't be copied") } });
    expect(await readdir(workspace.home)).toEqual(["session"]);
  });
});

describe("a run before the work", () => {
  test("leaves checkout and HOME as they were, whatever it does to them", async () => {
    await put(workspace.repo, "a.txt", "old");
    await put(workspace.repo, "dist/b.txt", "made by set-up");
    await put(workspace.home, "tool", "installed");
    await keepSetUp(workspace, soon());
    const destroy = "rm -rf a.txt dist ~/*; mkdir -m 0 a.txt; echo x > new.txt; echo x > ~/new.txt; chmod 0 . ~";
    const state = "cat a.txt dist/b.txt ~/tool && test ! -e new.txt && test ! -e ~/new.txt";

    const before = await whereSetUpEnded(workspace, soon(), () => exitCode(`${state} && { ${destroy}; exit 9; }`));

    expect(before).toEqual({ ok: true, value: 9 });
    expect(await exitCode(state)).toBe(0);
  });

  test("doesn't take place where the checkout can't be copied", async () => {
    await put(workspace.repo, "a.txt", "old");
    await keepSetUp(workspace, soon());
    await rm(join(workspace.hidden, "set-up-repo"), { recursive: true });

    const before = await whereSetUpEnded(workspace, soon(), () => exitCode("rm a.txt"));

    expect(before).toMatchObject({ ok: false, error: { reason: "setupFailed", detail: containing("can't be copied: cp: ") } });
    expect(await exitCode("test -e a.txt")).toBe(0);
  });
});

describe("a harness's own folders", () => {
  test("hold nothing of set-up's, while the rest of HOME stays", async () => {
    await put(workspace.home, ".config/opencode/plugin/evil.js", "1");
    await put(workspace.home, ".config/pip/pip.conf", "p");
    await put(workspace.home, ".claude.json", "{}");
    await chmod(join(workspace.home, ".config/opencode/plugin"), 0o555);
    for (const closed of [".config", "."]) await chmod(join(workspace.home, closed), 0o555);

    const emptied = await emptyOf(workspace, [".config/opencode", ".claude.json", "codex"]);

    expect(emptied).toMatchObject({ ok: true });
    expect(await readdir(workspace.home, { recursive: true })).toEqual([".config", ".config/pip", ".config/pip/pip.conf"]);
  });

  test("are not reached through a link, nor is anything behind one touched", async () => {
    const outside = join(workspace.hidden, "outside");
    await put(outside, "opencode/kept", "k");
    await put(workspace.home, "elsewhere/opencode/plugin/evil.js", "1");
    await symlink(outside, join(workspace.home, ".config"));
    await symlink(join(workspace.home, "elsewhere"), join(workspace.home, ".local"));
    await symlink(outside, join(workspace.home, "claude"));

    const emptied = await emptyOf(workspace, [".config/opencode", ".local/opencode", "claude"]);

    expect(emptied).toMatchObject({ ok: true });
    expect((await readdir(workspace.home)).toSorted()).toEqual(["elsewhere"]);
    expect(await readFile(join(outside, "opencode/kept"), "utf8")).toBe("k");
  });
});
