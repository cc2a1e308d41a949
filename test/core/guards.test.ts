import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ALWAYS_PROTECTED,
  checkChanges,
  describeViolation,
  gitBlobId,
  touchedBy,
  type Guards,
  type Violation,
} from "#core/change/guards.ts";
import type { Change } from "#core/wire/contract.ts";

const GUARDS: Guards = { maxFiles: 3, maxBytes: 100, protected: ["migrations/**", "*.lock", "config/prod.yml", "vendor"] };

type Mode = Extract<Change, { mode: string }>["mode"];

function write(path: string, text: string | Buffer = "x\n", mode: Mode = "100644"): Change {
  const content = Buffer.from(text);
  return { status: "modified", path, mode, blob: gitBlobId(content), content: content.toString("base64") };
}

function add(path: string): Change {
  return { ...write(path), status: "added" } as Change;
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
  ["a secret in UTF-16", [write("a", Buffer.from(`t ${TOKEN}\n`, "utf16le"))], [{ guard: "secret", path: "a" }]],
  ["a secret in a name", [write(`keys/${TOKEN}.txt`)], [{ guard: "secret", path: `keys/${TOKEN}.txt` }]],
  ["a path reported twice", [write("a"), write("a")], [{ guard: "duplicate", path: "a" }]],
  ["a path reported as deleted and written", [remove("a"), add("a")], [{ guard: "duplicate", path: "a" }]],
  [
    "a new path that differs from another in its letters' case",
    [write("src/A.ts"), add("src/a.ts")],
    [{ guard: "collision", path: "src/a.ts", other: "src/A.ts" }],
  ],
  [
    "a new path in two forms of Unicode",
    [add("caf\u00E9"), add("cafe\u0301")],
    [{ guard: "collision", path: "caf\u00E9", other: "cafe\u0301" }],
  ],
  ["too many files", [write("a"), write("b"), write("c"), remove("d")], [{ guard: "too-many-files", files: 4, max: 3 }]],
  ["too much content", [write("a", "x".repeat(60)), write("b", "x".repeat(41))], [{ guard: "too-large", bytes: 101, max: 100 }]],
  [
    "a protected deletion",
    [remove("migrations/1.sql")],
    [{ guard: "protected", path: "migrations/1.sql", pattern: "migrations/**" }],
  ],
  [
    "everything at once",
    [write(".github/workflows/ci.yml"), write("../up"), write("b", "x", "120000")],
    [
      { guard: "protected", path: ".github/workflows/ci.yml", pattern: ".github/workflows/**" },
      { guard: "path", path: "../up" },
      { guard: "symlink", path: "b" },
    ],
  ],
  [
    "what is too much without a look at the rest",
    [write("../up", "x".repeat(101)), write("b", "x", "120000"), remove("c"), remove("d")],
    [
      { guard: "too-many-files", files: 4, max: 3 },
      { guard: "too-large", bytes: 102, max: 100 },
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
  ".claude./settings.json",
  ".cl\u200Caude/settings.json",
  "packages/a/.claude/skills/x/SKILL.md",
  "packages/a/.mcp.json",
  "a/.codex/config.toml",
  "a/.opencode/agent.md",
  "opencode.json",
  "a/opencode.jsonc",
  ".cursor/rules/a.mdc",
  "a/.gemini/settings.json",
  ".github/copilot-instructions.md",
  ".github/instructions/a.instructions.md",
  "AGENTS.md",
  "agents.md",
  "packages/a/CLAUDE.md",
  "a/GEMINI.md",
  ".npmrc",
  "packages/a/.npmrc",
  "a/.yarnrc.yml",
  ".husky/pre-commit",
  "a/.envrc",
  ".devcontainer/devcontainer.json",
  ".vscode/tasks.json",
  ".vscode",
  ".gitlab-ci.yml",
  ".circleci/config.yml",
  ".buildkite/pipeline.yml",
  ".travis.yml",
  "azure-pipelines.yml",
  "bitbucket-pipelines.yml",
  "Jenkinsfile",
  ".agents/skills/x/SKILL.md",
  "packages/a/AGENTS.override.md",
  "CLAUDE.local.md",
  "migrations/001.sql",
  "migrations/.env",
  "Migrations/001.sql",
  "migrations",
  "package.lock",
  "a/package.lock",
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
  "src/migrations/1.sql",
  "docs/agents.ts",
  ".vscode/settings.json",
  "src/claude/a.ts",
  "a.npmrc/b",
  ".gitignore",
  "vendors/a.js",
  "config/dev.yml",
];

/** Pattern, what a specialist that is kept to it may touch, and what not. */
const WITHIN: readonly [string, readonly string[], readonly string[]][] = [
  ["docs/**", ["docs/a.md", "docs/a/b.ts"], ["Docs/a.md", "src/docs/a.md", "doc", "docs.md", "src/a.ts"]],
  ["docs", ["docs/a.md", "src/docs/a/b.ts", "docs"], ["docs.md", "DOCS/a.md", "src/a.ts"]],
  ["docs/", ["docs/a.md", "src/docs/a/b.ts"], ["docs.md", "src/a.ts"]],
  ["/docs", ["docs/a.md"], ["src/docs/a.md"]],
  ["**/*.md", ["a.md", "src/a.md", "a.md/b.md"], ["a.md/b.ts", "a.mdx", "a.MD", "src/a.ts"]],
  ["*.md", ["a.md", "src/a.md"], ["a.md/b.ts", "src/a.ts"]],
  ["README.md", ["README.md", "src/README.md"], ["README.md/a.ts", "README"]],
  ["packages/*", ["packages/a.ts"], ["packages/a/b.ts", "packages"]],
  ["packages/*/", ["packages/a/b.ts"], ["packages.ts", "src/a.ts"]],
  ["packages/*/docs/**", ["packages/a/docs/b.md"], ["packages/a/src/b.ts", "packages/a"]],
  ["{docs,site/content}/**", ["docs/a.md", "site/content/a.md"], ["site/a.ts", "site"]],
  ["v1.2/", ["v1.2/a.md"], ["v1.3/a.md"]],
  ["**", ["a.ts", "src/a.ts"], []],
  ["{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", [], ["aaaaaaa", "src/a.ts"]],
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
  "a/ /b",
  `${"a/".repeat(50)}b`,
  "a".repeat(256),
];

/** As people write them, with what they mean by it: `.gitignore`'s rules. */
const PATTERNS: readonly [pattern: string, protects: readonly string[], leaves: readonly string[]][] = [
  ["/db/**", ["db/a.sql", "db"], ["a/db/a.sql"]],
  ["./db/**", ["db/a.sql"], ["a/db/a.sql"]],
  ["db/**  ", ["db/a.sql"], ["a/db/a.sql"]],
  ["db/", ["db/a.sql", "a/db/a.sql", "db"], ["dba/a.sql"]],
  ["/Makefile", ["Makefile"], ["a/Makefile"]],
  ["Makefile", ["Makefile", "a/Makefile", "Makefile/a"], ["Makefile.am"]],
  ["*.sql", ["a.sql", "db/a.sql", "db/.sql"], ["db/a.sqlx"]],
  ["db/*.sql", ["db/a.sql", "db/.a.sql"], ["a.sql", "db/x/a.sql"]],
  ["app/[slug]/page.tsx", ["app/[slug]/page.tsx", "app/s/page.tsx"], ["app/x/page.tsx"]],
  ["app/[slug]/*.tsx", ["app/[slug]/page.tsx"], ["app/x/page.tsx"]],
  ["app/[[...slug]]/page.tsx", ["app/[[...slug]]/page.tsx"], ["app/slug/page.tsx"]],
  ["docs/[id].md", ["docs/[id].md", "docs/d.md"], ["docs/x.md"]],
  ["docs/[id]-*.md", ["docs/[id]-a.md", "docs/i-a.md"], ["docs/x-a.md"]],
  ["docs/[!a-c].md", ["docs/d.md"], ["docs/b.md"]],
  ["app/(group)/**", ["app/(group)/a.ts"], ["app/group/a.ts"]],
  ["[.]github/**", [".github/dependabot.yml"], ["agithub/a"]],
  ["?github/**", [".github/dependabot.yml", "agithub/a"], ["github/a"]],
  ["src/{a,b/c}/**", ["src/a/x", "src/b/c/x", "src/b"], ["src/c/x"]],
  ["{a}", ["{a}"], ["a"]],
  ["a{,.test}.ts", ["x/a.ts", "x/a.test.ts"], ["x/ab.ts"]],
  ["**/secrets/**", ["secrets/a", "a/b/secrets/c", "a/secrets"], ["a/secretsb/c"]],
  ["**", ["a", "a/b"], []],
  ["a/**/b", ["a/b", "a/x/y/b/c", "a"], ["b"]],
];

/** What takes a folder away whole, or is only a file beside it. */
const IN_PLACE: readonly [pattern: string, status: Change["status"], path: string, isProtected: boolean][] = [
  ["src/*/secrets/**", "added", "src/a", true],
  ["src/*/secrets/**", "deleted", "src/a", true],
  ["src/*/secrets/**", "modified", "src/a", false],
  ["src/*/secrets/**", "added", "lib/a", false],
  ["src/*/secrets/**", "modified", "src", true],
  ["src/*/secrets/x/**", "modified", "src/a/secrets", true],
  ["**/secrets/**", "added", "a", false],
  ["**/secrets/x/**", "added", "a/secrets", true],
  ["config/prod.yml", "modified", "config", true],
];

describe("guards", () => {
  it("let plain changes pass as they are", () => {
    const changes = [write("src/a.ts"), write("bin/run", "#!/bin/sh\n", "100755"), remove("old.ts")];

    const checked = checkChanges(changes, GUARDS);

    expect(checked).toEqual({ ok: true, value: changes });
  });

  it.each<[string, readonly Change[]]>([
    ["renamed in its letters' case alone", [remove("readme.md"), add("README.md")]],
    ["renamed with its folder", [remove("docs/a.md"), add("Docs/a.md")]],
    ["renamed beside another spelling that stays", [remove("a.md"), add("B.md"), write("A.md")]],
    ["one of two that only case tells apart, as the repository has them", [write("src/A.ts"), write("src/a.ts")]],
  ])("let a file pass that is %s", (_name, changes) => {
    const found = violations(changes);

    expect(found).toEqual([]);
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

  it.each(PATTERNS)("read %j as .gitignore does", (pattern, protects, leaves) => {
    const guards = { maxFiles: 1, maxBytes: 100, protected: [pattern] };

    const refused = [...protects, ...leaves].filter((path) => violations([write(path)], guards).length > 0);

    expect(refused).toEqual(protects);
  });

  it.each(IN_PLACE)("with %j, take %s %s for a folder's place: %o", (pattern, status, path, isProtected) => {
    const change = status === "deleted" ? remove(path) : { ...write(path), status };

    const found = violations([change as Change], { maxFiles: 1, maxBytes: 100, protected: [pattern] });

    expect(found).toEqual(isProtected ? [{ guard: "protected", path, pattern }] : []);
  });

  it("name what a person is asked about by the same reading, with what names it", () => {
    const changes = [
      write("src/a.ts"),
      write("Migrations./1.ts"),
      remove("migrations"),
      write("db/seed.SQL"),
      write("migrations.md"),
    ];

    const touched = touchedBy(changes, ["migrations/**", "*.sql"]);

    expect(touched).toEqual([
      { path: "Migrations./1.ts", pattern: "migrations/**" },
      { path: "migrations", pattern: "migrations/**" },
      { path: "db/seed.SQL", pattern: "*.sql" },
    ]);
    expect(touchedBy(changes, [])).toEqual([]);
  });

  it("protect everything by a pattern that can't be read", () => {
    const found = violations([write("a")], { maxFiles: 1, maxBytes: 100, protected: ["{a,b}".repeat(20)] });

    expect(found.map(({ guard }) => guard)).toEqual(["protected"]);
  });

  it.each(WITHIN)("keep a specialist to %j, read as .gitignore does", (pattern, within, outside) => {
    const guards = { maxFiles: 1, maxBytes: 100, protected: [], only: { agent: "docs", paths: [pattern] } };

    const refused = [...within, ...outside].filter((path) => violations([write(path)], guards).length > 0);

    expect(refused).toEqual(outside);
  });

  it("keep a specialist's deletions and both names of what it renames to its paths, and what is protected protected", () => {
    const guards = { ...GUARDS, only: { agent: "docs", paths: ["docs/**", "*.lock"] } };

    expect(violations([remove("docs/a.md"), add("docs/b.md")], guards)).toEqual([]);
    expect(violations([remove("src/a.ts"), add("docs/a.ts")], guards)).toEqual([
      { guard: "outside", path: "src/a.ts", agent: "docs" },
    ]);
    expect(violations([remove("docs"), write("a.lock")], guards)).toEqual([
      { guard: "protected", path: "a.lock", pattern: "*.lock" },
    ]);
  });

  it("let a specialist's change pass only where each path is named, whatever the paths", () => {
    const name = fc.constantFrom("docs", "src", "Docs", "a.md", "a.ts", "b.md", "docs.md", "..", ".git", "DOCS");
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
    const only = { agent: "docs", paths: ["docs/**", "*.md"] };
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 3 }), (paths) => {
        const checked = checkChanges(paths.map(add), { maxFiles: 9, maxBytes: 999, protected: [], only });

        if (checked.ok) for (const each of paths) expect(each).toMatch(/^docs(\/|$)|(^|\/)[a-z]+\.md$/);
      }),
    );
  });

  it("protect a path by its own name, whatever signs it has", () => {
    const name = fc.stringMatching(/^[a-z.[\]*?()$@+-]{1,12}$/).filter((text) => /[^.]/.test(text) && !text.endsWith("."));
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), (names) => {
        const path = names.join("/");

        const found = violations([write(path)], { maxFiles: 1, maxBytes: 100, protected: [`/${path}`] });

        expect(found.map(({ guard }) => guard)).toEqual(["protected"]);
      }),
    );
  });

  it.each([
    ["paths of two thousand folders", 50, `${"a/".repeat(2_000)}b`, "**/a/**/b/**/c"],
    ["names that a pattern of stars nearly fits", 50, "a".repeat(255), `${"*a".repeat(90)}b`],
    ["folders that a pattern of stars nearly fits", 50, `${"a/".repeat(40)}a`, `${"**/a/".repeat(30)}b`],
    ["more changes than there may be", 2_000, `${"a/".repeat(40)}a`, "**/a/**/b/**/c"],
  ])("come to an end for %s", (_name, count, path, pattern) => {
    const changes = Array.from({ length: count }, (_, index) => remove(`${path}${String(index)}`));

    const found = violations(changes, { maxFiles: 50, maxBytes: 100, protected: [pattern] });

    expect(found.length).toBeLessThanOrEqual(50);
  });

  it.each(NO_PATHS.map((path) => [JSON.stringify(path), path]))("take %s for no path of a repository", (_name, path = "") => {
    const found = violations([remove(path)]);

    expect(found.map((violation) => violation.guard)).toContain("path");
  });

  it("protect what is always protected even where a repository protects nothing", () => {
    const paths = ALWAYS_PROTECTED.map((glob) => glob.replaceAll("**", "x"));

    expect(paths.length).toBeGreaterThan(25);
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
    [{ guard: "protected", path: "a", pattern: "b" }, "`a` is protected by `b`: change it by hand"],
    [
      { guard: "outside", path: "a", agent: "docs" },
      "`a` is outside what the specialist `docs` may touch (`agents.docs.paths` in the policy)",
    ],
    [{ guard: "symlink", path: "a" }, "`a` is a symbolic link"],
    [{ guard: "submodule", path: "a" }, "`a` is a submodule"],
    [{ guard: "lfs", path: "a" }, "`a` is kept in Git LFS"],
    [{ guard: "blob-mismatch", path: "a" }, "`a` was reported with an id that is not its content's"],
    [{ guard: "secret", path: "a" }, "`a` holds what looks like a secret"],
    [{ guard: "duplicate", path: "a" }, "`a` was reported twice"],
    [
      { guard: "collision", path: "a", other: "A" },
      "`a` and `A` are one file on a disk that doesn't tell upper from lower case: give one another name",
    ],
    [{ guard: "too-many-files", files: 51, max: 50 }, "51 files changed, at most 50 may (`guards.max-files`)"],
    [{ guard: "too-large", bytes: 512_001, max: 512_000 }, "501 kB changed, at most 500 may (`guards.max-kb`)"],
  ])("say what is wrong: %o", (violation, expected) => {
    const text = describeViolation(violation);

    expect(text).toBe(expected);
  });
});
