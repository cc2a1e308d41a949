import { createHash } from "node:crypto";
import type { Change } from "../wire/contract.ts";
import { err, ok, type Result } from "../wire/result.ts";
import { holdsSecret } from "../wire/redact.ts";
import { unreachable } from "../wire/result.ts";
import { covers, isWithin, readPattern, type Pattern } from "./pattern.ts";

/** Why a set of changes may not be published. All found are named, so that a person sees the whole of it. */
export type Violation =
  | { readonly guard: "path"; readonly path: string }
  | { readonly guard: "protected"; readonly path: string; readonly pattern: string }
  | { readonly guard: "outside"; readonly path: string; readonly agent: string }
  | { readonly guard: "symlink"; readonly path: string }
  | { readonly guard: "submodule"; readonly path: string }
  | { readonly guard: "lfs"; readonly path: string }
  | { readonly guard: "blob-mismatch"; readonly path: string }
  | { readonly guard: "secret"; readonly path: string }
  | { readonly guard: "duplicate"; readonly path: string }
  | { readonly guard: "collision"; readonly path: string; readonly other: string }
  | { readonly guard: "file-and-folder"; readonly path: string }
  | { readonly guard: "too-many-files"; readonly files: number; readonly max: number }
  | { readonly guard: "too-large"; readonly bytes: number; readonly max: number };

/** `protected` and `paths` as `readPattern` reads them. `only`: what a specialist is kept to. */
export type Guards = {
  readonly maxFiles: number;
  readonly maxBytes: number;
  readonly protected: readonly string[];
  readonly only?: { readonly agent: string; readonly paths: readonly string[] };
};

/** Always protected, whatever a repository says: files by which a merged change could give itself or others more rights. */
export const PROTECTED_FOR: Readonly<Record<string, readonly string[]>> = {
  // The App has no `workflows` permission, so GitHub would refuse the first of them as well.
  "CI runs it with the repository's secrets": [
    ".github/workflows/**",
    ".github/actions/**",
    ".gitlab-ci.yml",
    ".circleci/**",
    ".buildkite/**",
    ".travis.yml",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    "Jenkinsfile",
  ],
  "it says who must review, and what our agents may": [".github/agent-pool.yml", "CODEOWNERS"],
  "git reads other content by it than was reviewed": [".gitmodules", ".gitattributes"],
  // What no issue of a stranger should be able to say to the next task's agent, or to a colleague's.
  "agents take it for instructions": [
    "**/AGENTS.md",
    "**/AGENTS.override.md",
    "**/CLAUDE.md",
    "**/CLAUDE.local.md",
    "**/GEMINI.md",
    ".github/copilot-instructions.md",
    ".github/instructions/**",
    ".github/agents/**",
  ],
  "agents take hooks, tools and permissions from it": [
    "**/.agents/**",
    "**/.claude/**",
    "**/.mcp.json",
    "**/.codex/**",
    "**/.opencode/**",
    "**/opencode.json",
    "**/opencode.jsonc",
    "**/.cursor/**",
    "**/.gemini/**",
  ],
  "it runs on a reviewer's machine, or where the next job installs": [
    "**/.npmrc",
    "**/.yarnrc.yml",
    ".husky/**",
    "**/.envrc",
    ".devcontainer/**",
    ".vscode/tasks.json",
  ],
};

export const ALWAYS_PROTECTED: readonly string[] = Object.values(PROTECTED_FOR).flat();

/** A repository whose folders go deeper is not known to us; matching takes time for each. */
const MAX_DEPTH = 50;
/** Bytes of a name. Source: NAME_MAX of Linux' file systems, so no checkout could hold a longer one. */
const MAX_NAME = 255;

/**
 * Judges what a job reported, trusting none of it: the blob id is computed again from the content, paths are GitHub's
 * kind of path, and everything outside plain files is refused by name. What is too much is not looked at any further.
 * Pure but for the hash.
 */
export function checkChanges(changes: readonly Change[], guards: Guards): Result<readonly Change[], readonly Violation[]> {
  const tooMuch = checkAmount(changes, guards);
  if (tooMuch.length > 0) return err(tooMuch);
  const violations: Violation[] = [];
  const seen = new Set<string>();
  const patterns = readPatterns([...ALWAYS_PROTECTED, ...guards.protected]);
  // As it is spelt: what folding takes for one name is refused where that is safe, and here it would let pass.
  const within = guards.only?.paths.map((text) => readPattern(text, (name) => name));
  for (const change of changes) {
    const { path } = change;
    if (!isPlainPath(path)) {
      violations.push({ guard: "path", path });
      continue;
    }
    if (seen.has(path)) violations.push({ guard: "duplicate", path });
    seen.add(path);
    const pattern = protecting(change, patterns);
    if (pattern !== undefined) violations.push({ guard: "protected", path, pattern: pattern.text });
    if (guards.only !== undefined && within?.some((each) => isWithin(each, path.split("/"))) !== true)
      violations.push({ guard: "outside", path, agent: guards.only.agent });
    if (change.status === "deleted") continue;
    if (change.mode === "120000") violations.push({ guard: "symlink", path });
    else if (change.mode === "160000") violations.push({ guard: "submodule", path });
    else {
      const content = Buffer.from(change.content, "base64");
      if (gitBlobId(content) !== change.blob) violations.push({ guard: "blob-mismatch", path });
      const text = content.toString("utf8");
      if (text.startsWith("version https://git-lfs.github.com/spec/")) violations.push({ guard: "lfs", path });
      // UTF-16 is ASCII with NUL between.
      if (holdsSecret(path) || holdsSecret(text.replaceAll("\0", ""))) violations.push({ guard: "secret", path });
    }
  }
  violations.push(...findCollisions(changes.filter(({ path }) => isPlainPath(path))));
  // Git can't hold both, and what GitHub makes of such a tree is not what was judged here.
  const stored = changes.filter(({ status, path }) => status !== "deleted" && isPlainPath(path));
  const folders = new Set(stored.flatMap(({ path }) => foldersOf(fold(path))));
  for (const { path } of stored) if (folders.has(fold(path))) violations.push({ guard: "file-and-folder", path });
  return violations.length === 0 ? ok(changes) : err(violations);
}

function readPatterns(texts: readonly string[]): readonly Pattern[] {
  return texts.map((text) => readPattern(text, foldName));
}

function protecting({ path, status }: Change, patterns: readonly Pattern[]): Pattern | undefined {
  const names = fold(path).split("/");
  return patterns.find((each) => covers(each, names, status === "modified"));
}

export type Touched = { readonly path: string; readonly pattern: string };

/** The changes at paths that these patterns name, each with the first that does. In the changes' order. Pure. */
export function touchedBy(changes: readonly Change[], texts: readonly string[]): readonly Touched[] {
  const patterns = readPatterns(texts);
  return changes.flatMap((change) => {
    const pattern = protecting(change, patterns);
    return pattern === undefined ? [] : [{ path: change.path, pattern: pattern.text }];
  });
}

/**
 * Names that many a disk takes for one file: whoever checks them out there has one content under both. Where the repository
 * has both already it is none of ours, and of a file that is renamed one name goes.
 */
function findCollisions(changes: readonly Change[]): Violation[] {
  const stored = changes.filter(({ status }) => status !== "deleted");
  return [...Map.groupBy(stored, ({ path }) => fold(path)).values()].flatMap((same): Violation[] => {
    const added = same.find(({ status }) => status === "added");
    const other = same.find(({ path }) => path !== added?.path);
    return added === undefined || other === undefined ? [] : [{ guard: "collision", path: added.path, other: other.path }];
  });
}

function checkAmount(changes: readonly Change[], guards: Guards): Violation[] {
  const violations: Violation[] = [];
  const bytes = changes.reduce(
    (sum, change) => sum + (change.status === "deleted" ? 0 : Buffer.byteLength(change.content, "base64")),
    0,
  );
  if (changes.length > guards.maxFiles) violations.push({ guard: "too-many-files", files: changes.length, max: guards.maxFiles });
  if (bytes > guards.maxBytes) violations.push({ guard: "too-large", bytes, max: guards.maxBytes });
  return violations;
}

/** Git's id of a blob. Source: git's object format, `blob <length>\0<content>` under SHA-1. */
export function gitBlobId(content: Uint8Array): string {
  return createHash("sha1")
    .update(`blob ${String(content.byteLength)}\0`)
    .update(content)
    .digest("hex");
}

/** `a/b/c` → `a`, `a/b`. */
function foldersOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** One spelling for all that a checkout on another disk would take for one file: `.GitHub./…` is `.github/…`. */
export function fold(path: string): string {
  return path.split("/").map(foldName).join("/");
}

/** HFS+ takes letters in any case and ignores invisible characters; NTFS ignores streams and dots and spaces at the end. */
export function foldName(name: string): string {
  return name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]/g, "")
    .replace(/::?\$.*$/, "")
    .replace(/(?<![. ])[. ]+$/, "");
}

function isPlainPath(path: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what is refused here
  if (/[\u0000-\u001F\u007F\\]/.test(path)) return false;
  const parts = path.split("/");
  return (
    parts.length <= MAX_DEPTH &&
    parts.every((part) => Buffer.byteLength(part) <= MAX_NAME && /[^. ]/.test(foldName(part)) && !isGitFolder(part))
  );
}

/** `.git`, and the short name that NTFS has for it. */
function isGitFolder(part: string): boolean {
  const name = foldName(part).replace(/:.*$/, "");
  return name === ".git" || /^git~\d+$/.test(name);
}

export function describeViolation(violation: Violation): string {
  switch (violation.guard) {
    case "path":
      return `\`${violation.path}\` is not a path a repository may hold`;
    case "protected":
      return `\`${violation.path}\` is protected by \`${violation.pattern}\`: change it by hand`;
    case "outside":
      return `\`${violation.path}\` is outside what the specialist \`${violation.agent}\` may touch (\`agents.${violation.agent}.paths\` in the policy)`;
    case "symlink":
      return `\`${violation.path}\` is a symbolic link`;
    case "submodule":
      return `\`${violation.path}\` is a submodule`;
    case "lfs":
      return `\`${violation.path}\` is kept in Git LFS`;
    case "blob-mismatch":
      return `\`${violation.path}\` was reported with an id that is not its content's`;
    case "secret":
      return `\`${violation.path}\` holds what looks like a secret`;
    case "file-and-folder":
      return `\`${violation.path}\` was reported as a file and as a folder`;
    case "duplicate":
      return `\`${violation.path}\` was reported twice`;
    case "collision":
      return `\`${violation.path}\` and \`${violation.other}\` are one file on a disk that doesn't tell upper from lower case: give one another name`;
    case "too-many-files":
      return `${String(violation.files)} files changed, at most ${String(violation.max)} may (\`guards.max-files\`)`;
    case "too-large":
      return `${String(Math.ceil(violation.bytes / 1024))} kB changed, at most ${String(Math.floor(violation.max / 1024))} may (\`guards.max-kb\`)`;
    default:
      return unreachable(violation);
  }
}
