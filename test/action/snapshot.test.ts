import { execFileSync } from "node:child_process";
import { chmod, lstat, mkdir, readFile, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { changesOf, type Checkout, checkOut, put, toText } from "./kit/checkout.ts";

/** What is published after `setup` and `work` have each done their part. */
async function publish(checkout: Checkout, setup: () => Promise<unknown>, work: () => Promise<unknown>): Promise<string[]> {
  await setup();
  const before = await checkout.snapshot();
  await work();
  const tree = await checkout.carry(before, await checkout.snapshot());
  return told(checkout, tree);
}

async function told(checkout: Checkout, tree: string): Promise<string[]> {
  return (await changesOf(checkout, tree)).map((it) => `${it.status} ${it.path} ${toText(it)}`.trim());
}

const BASE = { "src.js": "base\n", "lock.json": "base\n", "old.txt": "base\n", "docs/a.md": "base\n" };

describe("what a round publishes", () => {
  test.each<[string, Record<string, string | null>, Record<string, string | null>, string[]]>([
    ["nothing that only set-up wrote", { "new.txt": "s", "lock.json": "s" }, {}, []],
    ["nothing that only set-up removed", { "old.txt": null }, {}, []],
    ["all that the harness wrote", {}, { "new.txt": "h", "src.js": "h" }, ["added new.txt h", "modified src.js h"]],
    ["what both wrote, as the harness left it", { "lock.json": "s" }, { "lock.json": "sh" }, ["modified lock.json sh"]],
    ["what the harness added to set-up's file", { "new.txt": "s" }, { "new.txt": "sh" }, ["added new.txt sh"]],
    ["no deletion of what set-up had made", { "new.txt": "s" }, { "new.txt": null }, []],
    ["the deletion of what set-up had changed", { "old.txt": "s" }, { "old.txt": null }, ["deleted old.txt"]],
    [
      "nothing when the harness undid set-up",
      { "old.txt": null, "lock.json": "s" },
      { "old.txt": "base\n", "lock.json": "base\n" },
      [],
    ],
    ["a file where set-up had emptied a folder", { "docs/a.md": null }, { docs: "h" }, ["added docs h", "deleted docs/a.md"]],
    ["a folder where a file was", {}, { "old.txt": null, "old.txt/in.md": "h" }, ["deleted old.txt", "added old.txt/in.md h"]],
  ])("is %s", async (_name, setup, work, expected) => {
    await using checkout = await checkOut(BASE);
    const apply = (files: Record<string, string | null>) => async (): Promise<void> => {
      for (const [path, text] of Object.entries(files))
        if (text === null) await rm(join(checkout.repo, path), { recursive: true });
      for (const [path, text] of Object.entries(files)) {
        if (text === null) continue;
        if (path === "docs") await rm(join(checkout.repo, "docs"), { recursive: true, force: true });
        await put(checkout.repo, path, text);
      }
    };

    expect(await publish(checkout, apply(setup), apply(work))).toEqual(expected);
  });

  test("is carried on by a second round, without what stood between the two", async () => {
    await using checkout = await checkOut(BASE);
    const snapshots = [await checkout.snapshot()];
    await put(checkout.repo, "src.js", "first\n");
    await put(checkout.repo, "lock.json", "first\n");
    await put(checkout.repo, "dropped.txt", "first\n");
    snapshots.push(await checkout.snapshot());
    const first = await checkout.carry(snapshots[0] ?? "", snapshots[1] ?? "");
    await put(checkout.repo, "src.js", "formatted by the check\n");
    await put(checkout.repo, "coverage.txt", "of the check\n");
    snapshots.push(await checkout.snapshot());
    await put(checkout.repo, "lock.json", "second\n");
    await rm(join(checkout.repo, "dropped.txt"));

    const second = await checkout.carry(snapshots[2] ?? "", await checkout.snapshot(), first);

    expect(await told(checkout, first)).toEqual(["added dropped.txt first", "modified lock.json first", "modified src.js first"]);
    expect(await told(checkout, second)).toEqual(["modified lock.json second", "modified src.js first"]);
  });

  test("is the same when the work tree changes afterwards", async () => {
    await using checkout = await checkOut(BASE);
    const before = await checkout.snapshot();
    await put(checkout.repo, "src.js", "work\n");
    const tree = await checkout.carry(before, await checkout.snapshot());

    await put(checkout.repo, "src.js", "of the check\n");
    await put(checkout.repo, "new.txt", "of the check\n");

    expect(await told(checkout, tree)).toEqual(["modified src.js work"]);
    expect((await changesOf(checkout)).map((it) => it.path)).toEqual(["new.txt", "src.js"]);
  });

  test("is nothing where base was stored against its own attributes, and no one touched it", async () => {
    // The base commit has CRLF where its attributes would store LF, as after a careless change of attributes.
    const files = { ".gitattributes": "a.txt text\n", "a.txt": "one\r\n" };
    await using checkout = await checkOut(files, (repo) => put(repo, ".git/info/attributes", "* -text\n"));
    await rm(join(checkout.repo, ".git/info/attributes"));
    const nothing = () => Promise.resolve();

    expect(await publish(checkout, nothing, nothing)).toEqual([]);
    expect(await publish(checkout, nothing, () => put(checkout.repo, "b.txt", "b\n"))).toEqual(["added b.txt b"]);
    expect((await changesOf(checkout)).map((it) => it.path)).toEqual(["a.txt", "b.txt"]);
  });
});

describe("a snapshot", () => {
  test("leaves every `.gitattributes` in the work tree as it was", async () => {
    await using checkout = await checkOut({
      ".gitattributes": "*.a text\n",
      "gone/.gitattributes": "*.b text\n",
      "link/.gitattributes": "*.c text\n",
      "pipe/.gitattributes": "*.d text\n",
      "same/.gitattributes": "*.e text\n",
    });
    const at = (path: string): string => join(checkout.repo, path, ".gitattributes");
    await put(checkout.repo, ".gitattributes", "* -text\r\n");
    await chmod(at("."), 0o755);
    await rm(at("gone"));
    await rm(at("link"));
    await symlink("/etc/passwd", at("link"));
    await rm(at("pipe"));
    execFileSync("sh", ["-c", `mkfifo "$1"`, "sh", at("pipe")]);
    await mkdir(join(checkout.repo, "new"));
    await put(checkout.repo, "new/.gitattributes", "* text\n");

    const first = await checkout.snapshot();
    const second = await checkout.snapshot();

    expect(second).toBe(first);
    expect(await readFile(at("."), "utf8")).toBe("* -text\r\n");
    expect((await lstat(at("."))).mode & 0o777).toBe(0o755);
    expect(await readlink(at("link"))).toBe("/etc/passwd");
    expect((await lstat(at("pipe"))).isFIFO()).toBe(true);
    expect(await readFile(at("same"), "utf8")).toBe("*.e text\n");
    expect(await readFile(at("new"), "utf8")).toBe("* text\n");
    await expect(lstat(at("gone"))).rejects.toThrow("ENOENT");
    expect((await changesOf(checkout, first)).map((it) => `${it.status} ${it.path}`)).toEqual([
      "modified .gitattributes",
      "deleted gone/.gitattributes",
      "modified link/.gitattributes",
      "added new/.gitattributes",
      "deleted pipe/.gitattributes",
    ]);
  });
});
