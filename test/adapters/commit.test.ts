import assert from "node:assert/strict";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gitBlobId } from "#core/change/guards.ts";
import type { Change } from "#core/wire/contract.ts";
import type { GitHub, Place } from "#ports/github.ts";
import { at, makeStage, type Stage } from "../playground/github-kit.ts";
import { connect, placeOf } from "./kit.ts";

const NAME = "acme/many";
const BASE = {
  "readme.md": "one\n",
  "run.sh": "#!/bin/sh\n",
  "old.txt": "old\n",
  "docs/a.md": "a\n",
  "docs/b.md": "b\n",
  "src/A.ts": "upper\n",
  "src/a.ts": "lower\n",
  ".github/workflows/ci.yml": "on: push\njobs: {}\n",
};

let stage: Stage;
let place: Place;
let github: GitHub;
let clone: string;
let base: { readonly commit: string; readonly tree: string };
beforeAll(async () => {
  stage = await makeStage();
  await stage.github.createRepository({ owner: "acme", name: "many", private: true, files: BASE });
  place = await placeOf(stage, NAME);
  github = connect(stage);
  clone = join(stage.folder, "clone");
  await stage.git(["clone", "--quiet", join(stage.folder, "repositories", `${NAME}.git`), clone]);
  base = { commit: await stage.git(["rev-parse", "HEAD"], clone), tree: await stage.git(["rev-parse", "HEAD^{tree}"], clone) };
});
afterAll(async () => {
  assert.deepEqual(stage.github.violations(), []);
  await stage[Symbol.asyncDispose]();
});

function write(path: string, content: string | Buffer, mode: "100644" | "100755" = "100644"): Change {
  const bytes = Buffer.from(content);
  return { status: "modified", path, mode, blob: gitBlobId(bytes), content: bytes.toString("base64") };
}

function remove(path: string): Change {
  return { status: "deleted", path };
}

async function commit(changes: readonly Change[]): Promise<string> {
  const made = await github.createCommit(place, { message: "a change", parent: base.commit, baseTree: base.tree, changes });
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

/** The tree that git itself makes of base and the same change, in a clone. */
async function treeByGit(changes: readonly Change[]): Promise<string> {
  await stage.git(["reset", "--quiet", "--hard", base.commit], clone);
  await stage.git(["clean", "--quiet", "-ffdx"], clone);
  for (const { path } of changes.filter(({ status }) => status === "deleted")) await rm(join(clone, path));
  for (const change of changes) {
    if (change.status === "deleted") continue;
    await mkdir(dirname(join(clone, change.path)), { recursive: true }).catch(async () => {
      await rm(join(clone, dirname(change.path)));
    });
    await rm(join(clone, change.path), { recursive: true, force: true });
    await writeFile(join(clone, change.path), Buffer.from(change.content, "base64"));
    await chmod(join(clone, change.path), change.mode === "100755" ? 0o755 : 0o644);
  }
  await stage.git(["-c", "core.autocrlf=false", "add", "--all"], clone);
  return stage.git(["write-tree"], clone);
}

const CHANGES: readonly [string, readonly Change[]][] = [
  ["an edit, an addition and a deletion", [write("readme.md", "two\n"), write("new/deep/er.txt", "n\n"), remove("old.txt")]],
  ["an empty file", [write("empty", "")]],
  ["a change of mode alone", [write("run.sh", "#!/bin/sh\n", "100755")]],
  ["CRLF, a byte order mark and no newline at the end", [write("crlf.txt", "\uFEFFone\r\ntwo")]],
  ["names of spaces, other scripts, quotes and signs", [write("a b/füñf 5 日本.txt", "x"), write('"q"/#%?&*[x].txt', "y")]],
  ["a name of another case", [remove("readme.md"), write("README.md", "one\n")]],
  ["a folder's name of another case", [remove("docs/a.md"), remove("docs/b.md"), write("Docs/a.md", "a\n"), write("Docs/b.md", "b\n")]],
  ["one of two names that differ in case", [write("src/a.ts", "changed\n")]],
  ["the other of them renamed", [remove("src/A.ts"), write("src/B.ts", "upper\n")]],
  ["a folder in a file's place", [write("old.txt/in.md", "i\n"), remove("old.txt")]],
  ["a file in a folder's place", [write("docs", "d\n"), remove("docs/a.md"), remove("docs/b.md")]],
  ["bytes that are no text", [write("logo.png", Buffer.from(Array.from({ length: 3_000 }, (_, index) => index % 256)))]],
  ["text with NUL", [write("nul.txt", "a\0b\n")]],
  ["a file that is too large for a tree's body", [write("large.txt", "x".repeat(700_000))]],
]; // prettier-ignore

describe("a commit", () => {
  it.each(CHANGES)("holds what git itself makes of %s", async (_name, changes) => {
    const made = await commit(changes);

    expect(await stage.git(["rev-parse", `${made}^{tree}`], join(stage.folder, "repositories", `${NAME}.git`))).toBe(
      await treeByGit(changes),
    );
  });

  it("is chained of trees of at most 1 MB of JSON each, and sends as blobs what is no text or too large", async () => {
    const bodies: { readonly route: string; readonly bytes: number; readonly trees: unknown }[] = [];
    const routes = ["POST /repos/{owner}/{repo}/git/trees", "POST /repos/{owner}/{repo}/git/blobs"] as const;
    const undo = routes.map((route) =>
      stage.github.onCall(
        route,
        ({ phase, request }) => {
          if (phase !== "before") return undefined;
          bodies.push({ route, bytes: JSON.stringify(request.body).length, trees: at(request.body, "base_tree") });
          return undefined;
        },
        "always",
      ),
    );
    const changes = [
      ...Array.from({ length: 12 }, (_, index) => write(`text/${String(index)}.txt`, "é".repeat(100_000))),
      ...Array.from({ length: 6 }, (_, index) => write(`escaped/${String(index)}.txt`, "\u0001".repeat(40_000))),
      write("controls.txt", "\u0001".repeat(200_000)),
      write("bytes", Buffer.from([0xff, 0xfe, 0])),
    ];

    const made = await commit(changes);
    for (const each of undo) each();

    const sent = (route: string) => bodies.filter((body) => body.route === route);
    expect(sent(routes[1])).toHaveLength(2);
    expect(sent(routes[0]).length).toBeGreaterThan(2);
    expect(Math.max(...sent(routes[0]).map(({ bytes }) => bytes))).toBeLessThan(1_100_000);
    expect(new Set(sent(routes[0]).map(({ trees }) => trees)).size).toBe(sent(routes[0]).length);
    expect(await stage.git(["rev-parse", `${made}^{tree}`], join(stage.folder, "repositories", `${NAME}.git`))).toBe(
      await treeByGit(changes),
    );
  });

  it("is signed by GitHub, since it names neither author nor committer", async () => {
    const made = await commit([write("readme.md", "signed\n")]);

    const { body } = await stage.call("GET", `/repos/${NAME}/git/commits/${made}`, await stage.token());

    expect(at(body, "verification", "verified")).toBe(true);
    expect(at(body, "parents", 0, "sha")).toBe(base.commit);
  });

  it("is refused with a deletion of what base doesn't hold", async () => {
    const changes = [remove("nowhere.txt")];

    const made = await github.createCommit(place, { message: "m", parent: base.commit, baseTree: base.tree, changes });

    expect(made).toMatchObject({ ok: false, error: { reason: "github-refused", status: 422 } });
  });
});
