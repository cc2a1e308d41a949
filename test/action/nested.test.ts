import { execFileSync } from "node:child_process";
import { mkdir, rm, rmdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { changesOf, type Checkout, checkOut, put } from "./kit/checkout.ts";
import { containing } from "./kit/matchers.ts";

const LINK = "0123456789012345678901234567890123456789";
const TRAP = fileURLToPath(new URL("kit/submodule-trap.ts", import.meta.url));

/** Base as a fetch leaves it: the submodule is an empty folder. */
function withSubmodule(path = "vendor/lib"): Promise<Checkout> {
  return checkOut({ "a.txt": "a\n" }, async (repo) => {
    execFileSync("git", ["update-index", "--add", "--cacheinfo", `160000,${LINK},${path}`], { cwd: repo });
    await mkdir(join(repo, path), { recursive: true });
  });
}

async function told(checkout: Checkout): Promise<string[]> {
  return (await changesOf(checkout)).map((it) => `${it.status} ${it.path}`);
}

describe("a repository in a submodule's place", () => {
  test.each([
    ["vendor/lib", "vendor", "0311", "The folder `vendor` can't be read (EACCES)"],
    ["lib", ".", "0311", "The folder `.` can't be read (EACCES)"],
    ["vendor/lib", "vendor/lib", "0311", "The folder `vendor/lib` can't be read (EACCES)"],
    ["vendor/lib", "vendor/lib", "0644", "The folder `vendor/lib` can't be read (EACCES)"],
    ["vendor/lib", "vendor", "0755", "`vendor/lib` is a submodule"],
  ])("runs nothing and is refused: %s, under %s with mode %s", (submodule, closed, mode, end) => {
    const seen = execFileSync(process.execPath, [TRAP, submodule, closed, mode], { encoding: "utf8", stdio: "pipe" });

    const trap = JSON.parse(seen) as { uid: number };
    expect(trap).toMatchObject({ end: containing(end), ran: false, control: mode !== "0644" });
    // For root no folder is closed, and the test would show nothing.
    expect(trap.uid).not.toBe(0);
  });
});

describe("a submodule", () => {
  test("is no change while nobody touches it", async () => {
    await using checkout = await withSubmodule();
    await put(checkout.repo, "a.txt", "b\n");

    expect(await told(checkout)).toEqual(["modified a.txt"]);
  });

  test("is a deletion where its folder has gone, or a link or a file stands above it", async () => {
    await using checkout = await withSubmodule();
    await rmdir(join(checkout.repo, "vendor/lib"));
    const removed = await told(checkout);
    await rm(join(checkout.repo, "vendor"), { recursive: true });
    await symlink("/usr", join(checkout.repo, "vendor"));
    const linked = await told(checkout);
    await rm(join(checkout.repo, "vendor"));
    await put(checkout.repo, "vendor", "v\n");

    expect(removed).toEqual(["deleted vendor/lib"]);
    expect([linked, await told(checkout)]).toEqual([["added vendor", "deleted vendor/lib"], ["added vendor", "deleted vendor/lib"]]); // prettier-ignore
  });

  test.each([
    ["files", (repo: string) => put(repo, "vendor/lib/b.txt", "b\n")],
    ["a link", (repo: string) => rmdir(join(repo, "vendor/lib")).then(() => symlink("/usr", join(repo, "vendor/lib")))],
    ["a file", (repo: string) => rmdir(join(repo, "vendor/lib")).then(() => put(repo, "vendor/lib", "b\n"))],
  ])("is refused with %s in its place", async (_name, fill) => {
    await using checkout = await withSubmodule();
    await fill(checkout.repo);

    expect(await checkout.read()).toMatchObject({ error: { reason: "changesUnreadable", detail: containing("`vendor/lib`") } });
  });
});

describe("a repository of the checkout's own making", () => {
  test("is seen below a name that is not UTF-8", async () => {
    await using checkout = await checkOut({ "a.txt": "a\n" });
    execFileSync("bash", ["-c", `mkdir -p $'b\\xff/sub' && git init -q $'b\\xff/sub'`], { cwd: checkout.repo });

    expect(await checkout.read()).toMatchObject({ error: { detail: containing("/sub` holds a git repository of its own") } });
  });

  test("is refused where it holds files of base, however it is ignored", async () => {
    await using checkout = await checkOut({ "sub/a.txt": "a\n" });
    execFileSync("git", ["init", "-q", "sub"], { cwd: checkout.repo });
    await put(checkout.repo, ".gitignore", "sub/\n");

    expect(await checkout.read()).toMatchObject({ error: { detail: containing("`sub` holds a git repository of its own") } });
  });
});
