import { git, type GitRepository } from "./git-repository.ts";

/** One changed file between two commits, as `GET /pulls/{n}/files` and a push's commit list tell it. */
export type FileDiff = {
  readonly path: string;
  readonly previousPath?: string;
  readonly status: "added" | "removed" | "modified" | "renamed" | "changed";
  readonly sha: string;
  readonly additions: number;
  readonly deletions: number;
};

const STATUS: Readonly<Record<string, FileDiff["status"]>> = {
  A: "added",
  D: "removed",
  M: "modified",
  R: "renamed",
  T: "changed",
};

export async function diffFiles(repository: GitRepository, from: string, to: string): Promise<FileDiff[]> {
  const [raw, counted] = await Promise.all([
    git(repository, ["diff-tree", "-r", "-M", "-z", "--raw", "--no-abbrev", from, to]),
    git(repository, ["diff-tree", "-r", "-M", "-z", "--numstat", from, to]),
  ]);
  const counts = parseNumstat(counted);
  const fields = raw.split("\0");
  const files: FileDiff[] = [];
  for (let at = 0; at < fields.length - 1;) {
    const [, , before = "", after = "", letter = ""] = (fields[at] ?? "").slice(1).split(" ");
    const renamed = letter.startsWith("R") || letter.startsWith("C");
    const path = fields[at + (renamed ? 2 : 1)] ?? "";
    const status = STATUS[letter.charAt(0)] ?? "changed";
    files.push({
      path,
      ...(renamed ? { previousPath: fields[at + 1] ?? "" } : {}),
      status,
      sha: status === "removed" ? before : after,
      ...(counts.get(path) ?? { additions: 0, deletions: 0 }),
    });
    at += renamed ? 3 : 2;
  }
  return files;
}

/** The hunks of one file, without the header: GitHub's `patch`. Empty for binary files. */
export async function patchOf(repository: GitRepository, from: string, to: string, file: FileDiff): Promise<string | undefined> {
  const paths = [...(file.previousPath === undefined ? [] : [file.previousPath]), file.path];
  const text = await git(repository, ["--literal-pathspecs", "diff", "--no-ext-diff", "-M", from, to, "--", ...paths]);
  const at = text.indexOf("\n@@");
  return at < 0 ? undefined : text.slice(at + 1).replace(/\n$/, "");
}

export async function mergeBase(repository: GitRepository, one: string, other: string): Promise<string | undefined> {
  return git(repository, ["merge-base", one, other]).then(
    (text) => text.trim(),
    () => undefined,
  );
}

/** Commits reachable from `to` and not from `from`, oldest first. */
export async function commitsBetween(repository: GitRepository, from: string | null, to: string): Promise<string[]> {
  const text = await git(repository, ["rev-list", "--reverse", to, ...(from === null ? [] : [`^${from}`])]);
  return text.split("\n").filter((line) => line !== "");
}

function parseNumstat(text: string): Map<string, { additions: number; deletions: number }> {
  const fields = text.split("\0");
  const counts = new Map<string, { additions: number; deletions: number }>();
  for (let at = 0; at < fields.length - 1;) {
    const [added = "0", deleted = "0", path = ""] = (fields[at] ?? "").split("\t");
    // `-` stands for a binary file; a rename leaves the path empty and puts old and new after it.
    const renamed = path === "";
    counts.set(renamed ? (fields[at + 2] ?? "") : path, { additions: Number(added) || 0, deletions: Number(deleted) || 0 });
    at += renamed ? 3 : 1;
  }
  return counts;
}
