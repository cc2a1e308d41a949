import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ALWAYS_PROTECTED,
  checkChanges,
  describeViolation,
  gitBlobId,
  type Guards,
  type Violation,
} from "#core/change/guards.ts";
import type { Change } from "#core/wire/contract.ts";

const GUARDS: Guards = { maxFiles: 3, maxBytes: 100, protected: ["migrations/**", "*.lock", "config/prod.yml", "vendor"] };

type Mode = Extract<Change, { mode: string }>["mode"];

function write(path: string, text = "x\n", mode: Mode = "100644"): Change {
  const content = Buffer.from(text);
  return { status: "modified", path, mode, blob: gitBlobId(content), content: content.toString("base64") };
}

function remove(path: string): Change {
  return { status: "deleted", path };
}

function violations(changes: readonly Change[], guards = GUARDS): readonly Violation[] {
  const checked = checkChanges(changes, guards);
  return checked.ok ? [] : checked.error;
}

const TOKEN = `ghp_${"aB3dE5fG7hJ9".repeat(3)}`;

const REFUSED: readonly [string, readonly Change[], readonly Violation[]][] = [
  ["a symbolic link", [write("a", "/etc/passwd", "120000")], [{ guard: "symlink", path: "a" }]],
  ["a submodule", [write("a", "x", "160000")], [{ guard: "submodule", path: "a" }]],
  [
    "a file of Git LFS",
    [write("a", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n")],
    [{ guard: "lfs", path: "a" }],
  ],
  [
    "content under another content's id",
    [{ ...write("a"), blob: "0".repeat(40) } as Change],
    [{ guard: "blob-mismatch", path: "a" }],
  ],
  ["a secret", [write("a", `token: ${TOKEN}\n`)], [{ guard: "secret", path: "a" }]],
  ["a path reported twice", [write("a"), write("a")], [{ guard: "duplicate", path: "a" }]],
  ["a path reported twice in other letters", [write("src/A.ts"), write("src/a.ts")], [{ guard: "duplicate", path: "src/a.ts" }]],
  ["a path in two forms of Unicode", [write("caf\u00E9"), write("cafe\u0301")], [{ guard: "duplicate", path: "cafe\u0301" }]],
  ["too many files", [write("a"), write("b"), write("c"), remove("d")], [{ guard: "too-many-files", files: 4, max: 3 }]],
  ["too much content", [write("a", "x".repeat(60)), write("b", "x".repeat(41))], [{ guard: "too-large", bytes: 101, max: 100 }]],
  [
    "a protected deletion",
    [remove("migrations/1.sql")],
    [{ guard: "protected", path: "migrations/1.sql", pattern: "migrations/**" }],
  ],
  [
    "everything at once",
    [write(".github/workflows/ci.yml"), write("../up"), write("b", "x", "120000"), remove("d")],
    [
      { guard: "protected", path: ".github/workflows/ci.yml", pattern: ".github/workflows/**" },
      { guard: "path", path: "../up" },
      { guard: "symlink", path: "b" },
      { guard: "too-many-files", files: 4, max: 3 },
    ],
  ],
];

const PROTECTED = [
  ".github/workflows/ci.yml",
  ".github/workflows/deep/er/ci.yml",
  ".github/workflows/.hidden.yml",
  ".github/workflows/.hidden/ci.yml",
  ".GitHub/Workflows/ci.yml",
  ".github/workflows",
  ".github",
  ".github/actions/build/action.yml",
  ".github/agent-pool.yml",
  ".github/CODEOWNERS",
  "codeowners",
  "docs/CODEOWNERS",
  ".gitmodules",
  ".gitattributes",
  "a/b/.gitattributes",
  "a/.b/.gitattributes",
  ".mcp.json",
  ".claude/settings.json",
  ".claude",
  ".codex/config.toml",
  ".opencode/agent.md",
  "migrations/001.sql",
  "migrations/.env",
  "Migrations/001.sql",
  "migrations",
  "package.lock",
  ".lock",
  "config/prod.yml",
  "config",
  "vendor/a/b.js",
  "vendor",
];

const FREE = [
  "src/a.ts",
  ".github/ISSUE_TEMPLATE/bug.md",
  ".githubx/workflows/ci.yml",
  "workflows/ci.yml",
  "docs/owners.md",
  "a/package.lock",
  "src/migrations/1.sql",
  ".gitignore",
  "vendors/a.js",
  "config/dev.yml",
];

const NO_PATHS = [
  "/etc/passwd",
  "../up",
  "a/../../b",
  "a/./b",
  "./a",
  "a//b",
  "a/",
  "..",
  ".",
  "",
  ".git/config",
  "a/.git/hooks/pre-commit",
  ".GIT/config",
  ".git./config",
  ".git /config",
  ".git::$INDEX_ALLOCATION/config",
  "git~1/config",
  ".g\u200Cit/config",
  "a\\b",
  "a\u0000b",
  "a\nb",
];

describe("guards", () => {
  it("let plain changes pass as they are", () => {
    const changes = [write("src/a.ts"), write("bin/run", "#!/bin/sh\n", "100755"), remove("old.ts")];

    const checked = checkChanges(changes, GUARDS);

    expect(checked).toEqual({ ok: true, value: changes });
  });

  it("let a change set pass that is exactly as large as it may be", () => {
    const found = violations([write("a", "x".repeat(50)), write("b", "x".repeat(50)), remove("c")]);

    expect(found).toEqual([]);
  });

  it.each(REFUSED)("refuse %s", (_name, changes, expected) => {
    const found = violations(changes);

    expect(found).toEqual(expected);
  });

  it.each(PROTECTED)("protect %s", (path) => {
    const found = violations([write(path)]);

    expect(found.map((violation) => violation.guard)).toEqual(["protected"]);
  });

  it.each(FREE)("leave %s free", (path) => {
    const found = violations([write(path)]);

    expect(found).toEqual([]);
  });

  it.each(NO_PATHS.map((path) => [JSON.stringify(path), path]))("take %s for no path of a repository", (_name, path = "") => {
    const found = violations([remove(path)]);

    expect(found.map((violation) => violation.guard)).toContain("path");
  });

  it("protect what is always protected even where a repository protects nothing", () => {
    const paths = ALWAYS_PROTECTED.map((glob) => glob.replaceAll("**", "x"));

    const found = paths.map((path) =>
      violations([remove(path)], { maxFiles: 1, maxBytes: 1, protected: [] }).map(({ guard }) => guard),
    );

    expect(found).toEqual(paths.map(() => ["protected"]));
  });

  it("let no protected or unsafe path pass, however it is put together", () => {
    const part = fc.constantFrom(
      "a",
      ".git",
      ".GIT",
      "..",
      ".",
      "",
      ".github",
      ".GitHub",
      "workflows",
      "WORKFLOWS",
      "ci.yml",
      "migrations",
      "CODEOWNERS",
      ".claude",
      ".gitattributes",
      "docs",
      "\u0001",
    );
    const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
    fc.assert(
      fc.property(fc.uniqueArray(path, { minLength: 1, maxLength: 3 }), (paths) => {
        const checked = checkChanges(
          paths.map((name) => write(name)),
          GUARDS,
        );

        for (const { path: name } of checked.ok ? checked.value : []) {
          const parts = name.toLowerCase().split("/");
          expect(
            parts.some((each) => each === "" || each === "." || each === ".." || each === ".git" || each.includes("\u0001")),
          ).toBe(false);
          expect(name.toLowerCase()).not.toMatch(
            /^\.github\/(workflows|actions|agent-pool\.yml|codeowners)(\/|$)|^(docs\/)?codeowners(\/|$)|(^|\/)\.gitattributes(\/|$)|^\.claude(\/|$)|^migrations(\/|$)|^\.github$/,
          );
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["text", Buffer.from("hello\n")],
    ["more than one byte a character", Buffer.from("größe 🎉\r\n")],
    ["bytes", Buffer.from(Array.from({ length: 3_000 }, (_, index) => index % 256))],
  ])("give %s the id that git gives it", (_name, content) => {
    const id = gitBlobId(content);

    expect(id).toBe(execFileSync("git", ["hash-object", "--stdin"], { input: content, encoding: "utf8" }).trim());
  });

  it.each<[Violation, string]>([
    [{ guard: "path", path: "../a" }, "`../a` is not a path a repository may hold"],
    [{ guard: "protected", path: "a", pattern: "b" }, "`a` is protected by `b`"],
    [{ guard: "symlink", path: "a" }, "`a` is a symbolic link"],
    [{ guard: "submodule", path: "a" }, "`a` is a submodule"],
    [{ guard: "lfs", path: "a" }, "`a` is kept in Git LFS"],
    [{ guard: "blob-mismatch", path: "a" }, "`a` was reported with an id that is not its content's"],
    [{ guard: "secret", path: "a" }, "`a` holds what looks like a secret"],
    [{ guard: "duplicate", path: "a" }, "`a` was reported twice"],
    [{ guard: "too-many-files", files: 51, max: 50 }, "51 files changed, at most 50 may (`guards.max-files`)"],
    [{ guard: "too-large", bytes: 512_001, max: 512_000 }, "501 kB changed, at most 500 may (`guards.max-kb`)"],
  ])("say what is wrong: %o", (violation, expected) => {
    const text = describeViolation(violation);

    expect(text).toBe(expected);
  });
});
