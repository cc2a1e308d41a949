import { createHash } from "node:crypto";
import { matchesGlob } from "node:path";
import type { Change } from "../wire/contract.ts";
import { err, ok, type Result } from "../wire/result.ts";
import { holdsSecret } from "../wire/redact.ts";
import { unreachable } from "../wire/result.ts";

/** Why a set of changes may not be published. All found are named, so that a person sees the whole of it. */
export type Violation =
  | { readonly guard: "path"; readonly path: string }
  | { readonly guard: "protected"; readonly path: string; readonly pattern: string }
  | { readonly guard: "symlink"; readonly path: string }
  | { readonly guard: "submodule"; readonly path: string }
  | { readonly guard: "lfs"; readonly path: string }
  | { readonly guard: "blob-mismatch"; readonly path: string }
  | { readonly guard: "secret"; readonly path: string }
  | { readonly guard: "duplicate"; readonly path: string }
  | { readonly guard: "file-and-folder"; readonly path: string }
  | { readonly guard: "too-many-files"; readonly files: number; readonly max: number }
  | { readonly guard: "too-large"; readonly bytes: number; readonly max: number };

export type Guards = {
  readonly maxFiles: number;
  readonly maxBytes: number;
  readonly protected: readonly string[];
};

/**
 * Always protected, whatever a repository says: files by which a merged change could give itself or the next agent
 * more rights. The App has no `workflows` permission, so GitHub would refuse the first of them as well.
 */
export const ALWAYS_PROTECTED: readonly string[] = [
  ".github/workflows/**",
  ".github/actions/**",
  ".github/agent-pool.yml",
  ".github/CODEOWNERS",
  "CODEOWNERS",
  "docs/CODEOWNERS",
  ".gitmodules",
  "**/.gitattributes",
  ".gitattributes",
  ".mcp.json",
  ".claude/**",
  ".codex/**",
  ".opencode/**",
];

/**
 * Judges what a job reported, trusting none of it: the blob id is computed again from the content, paths are GitHub's
 * kind of path, and everything outside plain files is refused by name. Pure but for the hash.
 */
export function checkChanges(changes: readonly Change[], guards: Guards): Result<readonly Change[], readonly Violation[]> {
  const violations: Violation[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  for (const change of changes) {
    const { path } = change;
    const folded = fold(path);
    if (!isPlainPath(path)) violations.push({ guard: "path", path });
    if (seen.has(folded)) violations.push({ guard: "duplicate", path });
    seen.add(folded);
    const pattern = [...ALWAYS_PROTECTED, ...guards.protected].find((glob) => covers(fold(glob), folded));
    if (pattern !== undefined) violations.push({ guard: "protected", path, pattern });
    if (change.status === "deleted") continue;
    if (change.mode === "120000") violations.push({ guard: "symlink", path });
    else if (change.mode === "160000") violations.push({ guard: "submodule", path });
    else {
      const content = Buffer.from(change.content, "base64");
      bytes += content.byteLength;
      if (gitBlobId(content) !== change.blob) violations.push({ guard: "blob-mismatch", path });
      const text = content.toString("utf8");
      if (text.startsWith("version https://git-lfs.github.com/spec/")) violations.push({ guard: "lfs", path });
      if (holdsSecret(text)) violations.push({ guard: "secret", path });
    }
  }
  // Git can't hold both, and what GitHub makes of such a tree is not what was judged here.
  const stored = changes.filter(({ status }) => status !== "deleted");
  const folders = new Set(stored.flatMap(({ path }) => foldersOf(fold(path))));
  for (const { path } of stored) if (folders.has(fold(path))) violations.push({ guard: "file-and-folder", path });
  if (changes.length > guards.maxFiles) violations.push({ guard: "too-many-files", files: changes.length, max: guards.maxFiles });
  if (bytes > guards.maxBytes) violations.push({ guard: "too-large", bytes, max: guards.maxBytes });
  return violations.length === 0 ? ok(changes) : err(violations);
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

/** One spelling for all that a checkout on a case-insensitive disk would take for one file: `.GitHub/…` is `.github/…`. */
function fold(path: string): string {
  return path.normalize("NFKC").toLowerCase();
}

/**
 * True where a change at `path` changes something `glob` names: the path itself, all below a folder that is named, and
 * a folder above it, which a file or a deletion in its place would take away whole.
 */
function covers(glob: string, path: string): boolean {
  const bare = glob.replace(/\/+$/, "");
  const named = dotless(bare, /(^|[/{,(|])\./g);
  const file = dotless(path, /(^|\/)\./g);
  if (matchesGlob(file, named) || matchesGlob(file, `${named}/**`)) return true;
  const plain = bare
    .split("/")
    .filter((_, index, parts) => parts.slice(0, index + 1).every((part) => !/[*?[\]{}()!+@]/.test(part)));
  return plain.some((_, index) => index + 1 < bare.split("/").length && plain.slice(0, index + 1).join("/") === path);
}

/** `matchesGlob` lets `*` and `**` pass over names that begin with a dot, and has no option: here such a name begins with something else. */
function dotless(text: string, pattern: RegExp): string {
  return text.replace(pattern, "$1\uE000.");
}

function isPlainPath(path: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what is refused here
  if (/[\u0000-\u001F\u007F\\]/.test(path)) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && !isGitFolder(part));
}

/** `.git`, and what a disk takes for it: HFS+ ignores invisible characters, NTFS trailing dots, spaces and streams. */
function isGitFolder(part: string): boolean {
  const name = fold(part)
    .replace(/[\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]/g, "")
    .replace(/:.*$/, "")
    .replace(/[. ]+$/, "");
  return name === ".git" || /^git~\d+$/.test(name);
}

export function describeViolation(violation: Violation): string {
  switch (violation.guard) {
    case "path":
      return `\`${violation.path}\` is not a path a repository may hold`;
    case "protected":
      return `\`${violation.path}\` is protected by \`${violation.pattern}\``;
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
    case "too-many-files":
      return `${String(violation.files)} files changed, at most ${String(violation.max)} may (\`guards.max-files\`)`;
    case "too-large":
      return `${String(Math.ceil(violation.bytes / 1024))} kB changed, at most ${String(Math.floor(violation.max / 1024))} may (\`guards.max-kb\`)`;
    default:
      return unreachable(violation);
  }
}
