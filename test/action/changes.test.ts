import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, rename, rm, symlink } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { changesOf, checkOut, put, toText } from "./kit/checkout.ts";
import { containing } from "./kit/matchers.ts";

function blobOf(text: string): string {
  return createHash("sha1")
    .update(`blob ${Buffer.byteLength(text)}\0${text}`)
    .digest("hex");
}

describe("the change", () => {
  test("is empty when nothing changed", async () => {
    await using checkout = await checkOut({ "a.txt": "a\n" });

    expect(await changesOf(checkout)).toEqual([]);
  });

  test("names additions, edits and deletions, with git's id of each blob", async () => {
    await using checkout = await checkOut({ "kept.txt": "k\n", "edited.txt": "old\n", "gone/deep.txt": "g\n" });
    await put(checkout.repo, "edited.txt", "new\n");
    await put(checkout.repo, "new/füñf 5.txt", "");
    await rm(join(checkout.repo, "gone"), { recursive: true });

    expect(await changesOf(checkout)).toEqual([
      {
        status: "modified",
        path: "edited.txt",
        mode: "100644",
        blob: blobOf("new\n"),
        content: Buffer.from("new\n").toString("base64"),
      },
      { status: "deleted", path: "gone/deep.txt" },
      { status: "added", path: "new/füñf 5.txt", mode: "100644", blob: blobOf(""), content: "" },
    ]);
  });

  test("names a change of the executable bit alone", async () => {
    await using checkout = await checkOut({ "run.sh": "#!/bin/sh\n" });
    await chmod(join(checkout.repo, "run.sh"), 0o755);

    expect(await changesOf(checkout)).toMatchObject([{ status: "modified", path: "run.sh", mode: "100755" }]);
  });

  test("names a change of a name's case as what it is", async () => {
    await using checkout = await checkOut({ "readme.md": "r\n" });
    await rename(join(checkout.repo, "readme.md"), join(checkout.repo, "README.md"));

    expect((await changesOf(checkout)).map(({ status, path }) => [status, path])).toEqual([["added", "README.md"], ["deleted", "readme.md"]]); // prettier-ignore
  });

  test("tells files apart whose names differ in case alone, where base has both", async () => {
    await using checkout = await checkOut({ "src/A.ts": "upper\n", "src/a.ts": "lower\n", "Src/a.ts": "folder\n" });
    await put(checkout.repo, "src/a.ts", "changed\n");
    await rename(join(checkout.repo, "src/A.ts"), join(checkout.repo, "src/B.ts"));
    await rm(join(checkout.repo, "Src/a.ts"));

    expect((await changesOf(checkout)).map((it) => [it.status, it.path, toText(it)])).toEqual([
      ["deleted", "Src/a.ts", ""],
      ["deleted", "src/A.ts", ""],
      ["added", "src/B.ts", "upper\n"],
      ["modified", "src/a.ts", "changed\n"],
    ]);
  });

  test("names a rename as a deletion and an addition, and what replaced a file by its new kind", async () => {
    await using checkout = await checkOut({ "old name.txt": "same\n", "run.sh": "#!/bin/sh\n", "link.txt": "text\n" });
    await mkdir(join(checkout.repo, "neu"));
    await rename(join(checkout.repo, "old name.txt"), join(checkout.repo, "neu/ñame 日.txt"));
    await rm(join(checkout.repo, "link.txt"));
    await symlink("run.sh", join(checkout.repo, "link.txt"));

    const changes = await changesOf(checkout);

    expect(changes.map((it) => [it.status, it.path, "mode" in it ? it.mode : ""])).toEqual([
      ["modified", "link.txt", "120000"],
      ["added", "neu/ñame 日.txt", "100644"],
      ["deleted", "old name.txt", ""],
    ]);
  });

  test("holds bytes that are no text as they are", async () => {
    const bytes = Buffer.from(Array.from({ length: 1_024 }, (_, index) => index % 256));
    await using checkout = await checkOut({ ".gitattributes": "* text=auto\n", "a.txt": "a\n" });
    await put(checkout.repo, "logo.png", bytes);

    const [change] = await changesOf(checkout);

    expect(change?.status === "added" && Buffer.from(change.content, "base64").equals(bytes)).toBe(true);
  });

  test("is all that is written where base has no file at all", async () => {
    await using checkout = await checkOut({});
    const before = await changesOf(checkout);
    await put(checkout.repo, "a.txt", "a\n");

    expect(before).toEqual([]);
    expect((await changesOf(checkout)).map((it) => `${it.status} ${it.path}`)).toEqual(["added a.txt"]);
  });

  test("holds what base tracks however it is ignored, and what is generated but not ignored", async () => {
    await using checkout = await checkOut({ "dist/app.js": "1\n" });
    await put(checkout.repo, ".gitignore", "dist/\n");
    await put(checkout.repo, "dist/app.js", "2\n");
    await put(checkout.repo, "dist/new.js", "3\n");
    await put(checkout.repo, "package-lock.json", "{}\n");

    expect((await changesOf(checkout)).map((it) => it.path)).toEqual([".gitignore", "dist/app.js", "package-lock.json"]);
  });

  test("reports a link as a link, never what it points to", async () => {
    await using checkout = await checkOut({ "a.txt": "a\n" });
    await symlink("/etc/passwd", join(checkout.repo, "link"));

    const [change] = await changesOf(checkout);

    expect(change).toMatchObject({ path: "link", mode: "120000" });
    expect(toText(change)).toBe("/etc/passwd");
  });

  test("keeps a CRLF file's lines, and normalises where base's attributes say so", async () => {
    await using checkout = await checkOut({
      ".gitattributes": "*.txt text eol=crlf\n",
      "a.txt": "one\n",
      "b.dat": "one\r\ntwo\r\n",
    });
    await put(checkout.repo, "a.txt", "one\r\ntwo\r\n");
    await put(checkout.repo, "b.dat", "one\r\nTWO\r\n");

    const [a, b] = await changesOf(checkout);

    expect([toText(a), toText(b)]).toEqual(["one\ntwo\n", "one\r\nTWO\r\n"]);
  });

  test("goes by base's attributes, and still holds the agent's new ones as they are", async () => {
    await using checkout = await checkOut({ ".gitattributes": "*.txt -text\n", "a.txt": "one\r\n" });
    await put(checkout.repo, ".gitattributes", "*.txt text\n*.bin filter=evil\r\n");
    await put(checkout.repo, "a.txt", "two\r\n");
    await put(checkout.repo, "sub/.gitattributes", "* text\n");
    await put(checkout.repo, "sub/b.txt", "b\r\n");

    const changes = await changesOf(checkout);

    expect(changes.map((it) => [it.path, toText(it)])).toEqual([
      [".gitattributes", "*.txt text\n*.bin filter=evil\r\n"],
      ["a.txt", "two\r\n"],
      ["sub/.gitattributes", "* text\n"],
      ["sub/b.txt", "b\r\n"],
    ]);
  });

  test("holds the deletion of attributes, after going by them", async () => {
    await using checkout = await checkOut({ ".gitattributes": "*.txt text\n", "a.txt": "one\n" });
    await rm(join(checkout.repo, ".gitattributes"));
    await put(checkout.repo, "a.txt", "two\r\n");

    expect((await changesOf(checkout)).map((it) => [it.status, it.path, toText(it)])).toEqual([
      ["deleted", ".gitattributes", ""],
      ["modified", "a.txt", "two\n"],
    ]);
  });

  test("refuses a path that base gives a filter, by its name", async () => {
    await using checkout = await checkOut({ ".gitattributes": "*.psd filter=lfs diff=lfs merge=lfs -text\n", "a.txt": "a\n" });
    await put(checkout.repo, "logo.psd", "pixels");

    const read = await checkout.read();

    expect(read).toMatchObject({
      ok: false,
      error: { reason: "changesUnreadable", detail: containing("`logo.psd`") },
    });
  });

  test("leaves out what is ignored, with attributes and repositories in it", async () => {
    await using checkout = await checkOut({ ".gitignore": "node_modules/\n", "a.txt": "a\n" });
    await put(checkout.repo, "node_modules/x/index.js", "x");
    await put(checkout.repo, "node_modules/x/.gitattributes", "* text\n");
    await put(checkout.repo, "node_modules/y/.git/HEAD", "ref: refs/heads/main\n");

    expect(await changesOf(checkout)).toEqual([]);
  });

  test("refuses a nested repository and runs nothing that its configuration names", async () => {
    await using checkout = await checkOut({ "a.txt": "a\n" });
    const marker = join(checkout.repo, "..", "marker");
    execFileSync("git", ["init", "-q", "sub"], { cwd: checkout.repo });
    execFileSync("git", ["-C", "sub", "config", "core.fsmonitor", `touch ${marker}`], { cwd: checkout.repo });
    await put(checkout.repo, "sub/b.txt", "b\n");

    const read = await checkout.read();

    expect(read).toMatchObject({ ok: false, error: { reason: "changesUnreadable", detail: containing("`sub`") } });
    expect(existsSync(marker)).toBe(false);
  });

  test("touches nothing outside the checkout through a link in a folder's place", async () => {
    await using checkout = await checkOut({ "docs/.gitattributes": "* text\n", "docs/a.txt": "a\n" });
    const outside = join(checkout.repo, "..", "outside");
    await put(outside, ".gitattributes", "mine\n");
    await put(outside, "commands", "");
    await symlink(outside, join(checkout.repo, ".claude"));
    await rm(join(checkout.repo, "docs"), { recursive: true });
    await symlink(outside, join(checkout.repo, "docs"));

    const changes = await changesOf(checkout);

    expect(execFileSync("cat", [join(outside, ".gitattributes")], { encoding: "utf8" })).toBe("mine\n");
    expect(existsSync(join(outside, "commands"))).toBe(true);
    expect(changes.map(({ status, path }) => [status, path])).toEqual([["added", ".claude"], ["added", "docs"], ["deleted", "docs/.gitattributes"], ["deleted", "docs/a.txt"]]); // prettier-ignore
  });

  test("leaves out the empty files a killed sandbox forgot, unless base has them", async () => {
    await using checkout = await checkOut({ ".profile": "" });
    for (const name of [".bashrc", ".mcp.json"]) await put(checkout.repo, name, "");
    await put(checkout.repo, ".ripgreprc", "--smart-case\n");

    expect((await changesOf(checkout)).map((it) => it.path)).toEqual([".ripgreprc"]);
  });

  test("refuses more files or bytes than the claim allows, with the counts", async () => {
    await using checkout = await checkOut({ "a.txt": "a\n" });
    await put(checkout.repo, "b.txt", "x".repeat(50));
    await put(checkout.repo, "c.txt", "x".repeat(51));

    const files = await checkout.read({ maxFiles: 1, maxBytes: 1_000 });
    const bytes = await checkout.read({ maxFiles: 10, maxBytes: 100 });

    expect(files).toMatchObject({
      error: { reason: "changesUnreadable", detail: containing("2 files; at most 1") },
    });
    expect(bytes).toMatchObject({
      error: { reason: "changesUnreadable", detail: containing("101 bytes in 2 files, most of them in `c.txt`") },
    });
  });

  test("refuses a name that git calls dangerous", async () => {
    await using checkout = await checkOut({ "a.txt": "a\n" });
    await put(checkout.repo, "sub/git~1/config", "x");

    expect(await checkout.read()).toMatchObject({ ok: false, error: { reason: "changesUnreadable" } });
  });
});
