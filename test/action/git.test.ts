import { chmod } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runGit } from "../../action/src/checkout/git.ts";
import { findProgram, readSurroundings } from "../../action/src/runner/inputs.ts";
import { run } from "../../action/src/runner/process.ts";
import { checkOut, put } from "./kit/checkout.ts";

describe("git", () => {
  test.each([".", "", "bin"])("is not the checkout's own, though the runner's PATH begins with `%s`", async (entry) => {
    await using checkout = await checkOut({ "a.txt": "a\n" });
    const { repo } = checkout;
    const marker = join(repo, "..", "marker");
    for (const path of ["git", "bin/git"]) {
      await put(repo, path, `#!/bin/sh\ntouch ${marker}\n`);
      await chmod(join(repo, path), 0o755);
    }
    const given = `${entry}:/usr/bin:/bin`;
    const until = performance.now() + 10_000;

    const { path } = readSurroundings({ PATH: given }, []);
    const program = (await findProgram(given, "git")) ?? "";
    const ended = await runGit({ program, path, workTree: repo, home: repo }, { args: ["status", "--short"], until });
    const ran = existsSync(marker);
    await run({ file: "git", args: ["status"], cwd: repo, env: { PATH: given }, until });

    expect([program, path.split(":").slice(0, 2)]).toEqual(["/usr/bin/git", ["/usr/bin", "/bin"]]);
    expect(ended).toMatchObject({ exitCode: 0 });
    expect([ran, existsSync(marker)]).toEqual([false, true]);
  });

  test("is not a folder of that name", async () => {
    await using checkout = await checkOut({ "git/a.txt": "a\n" });

    expect(await findProgram(`${checkout.repo}:/usr/bin`, "git")).toBe("/usr/bin/git");
    expect(await findProgram(checkout.repo, "git")).toBeUndefined();
  });
});
