import { type Blocked, whyFailed, unreadable } from "#action/runner/failure.ts";
import type { Change, Claim } from "#core/wire/contract.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { callWithIndex, type IndexCall } from "./git-index.ts";
import { type Git, splitNul } from "./git.ts";
import { splitRaw, type Tree } from "./snapshot.ts";
import { ATTRIBUTES } from "./walk.ts";
import type { Workspace } from "#action/runner/workspace.ts";

/**
 * What a tree differs in from base, with its contents.
 * Errors: changesUnreadable, naming the path or the counts.
 */
export async function readChanges(
  git: Git,
  workspace: Workspace,
  trees: { readonly base: string; readonly tree: Tree },
  limits: Claim["limits"],
): Promise<Result<Change[], Blocked>> {
  const call = callWithIndex(git, workspace);
  const entries = await compare(call, trees.base, trees.tree);
  if (!entries.ok) return entries;
  const filtered = await filteredPath(call, trees.base, entries.value);
  if (filtered !== undefined)
    return unreadable(
      `\`${filtered}\` has a \`filter\` attribute (Git LFS, for one). Such a file can't be changed here: only a checkout with that filter could store it.`,
    );
  return readContents(call, entries.value, limits);
}

type Entry = {
  readonly path: string;
  readonly status: "added" | "modified" | "deleted";
  readonly mode: string;
  readonly blob: string;
};

const MODES = ["100644", "100755", "120000", "160000"] as const;

async function compare(call: IndexCall, base: string, tree: Tree): Promise<Result<Entry[], Blocked>> {
  const raw = await call([
    "diff-tree",
    "-r",
    "--raw",
    "-z",
    "--no-renames",
    "--abbrev=40",
    "--ignore-submodules=none",
    base,
    tree,
  ]);
  if (raw.exitCode !== 0) return unreadable(`git could not compare the change: ${whyFailed(raw)}`);
  const entries: Entry[] = [];
  for (const { fields, path: bytes } of splitRaw(raw.stdout)) {
    const path = decodePath(bytes);
    if (path === undefined) return unreadable("A changed path is not UTF-8 or longer than 4,096 characters.");
    const [, mode = "", , blob = "", letter = ""] = fields;
    entries.push({ path, mode, blob, status: letter === "D" ? "deleted" : letter === "A" ? "added" : "modified" });
  }
  return ok(entries);
}

async function readContents(
  call: IndexCall,
  entries: readonly Entry[],
  limits: Claim["limits"],
): Promise<Result<Change[], Blocked>> {
  if (entries.length > limits.maxFiles)
    return unreadable(
      `The change has ${entries.length} files; at most ${limits.maxFiles} are allowed. Ignore what is generated, or split the issue.`,
    );
  const kept = entries.filter((it) => it.status !== "deleted" && it.mode !== "160000");
  const ids = `${kept.map((it) => it.blob).join("\n")}\n`;
  const sizes =
    kept.length === 0
      ? []
      : (await call(["cat-file", "--batch-check=%(objectsize)"], { input: ids })).stdout
          .toString("latin1")
          .trim()
          .split("\n")
          .map(Number);
  const bytes = sizes.reduce((sum, it) => sum + it, 0);
  if (!(bytes <= limits.maxBytes)) {
    const largest = kept[sizes.indexOf(Math.max(...sizes))]?.path ?? "";
    return unreadable(
      `The change has ${bytes} bytes in ${entries.length} files, most of them in \`${largest}\`; at most ${limits.maxBytes} bytes are allowed. Ignore what is generated, or split the issue.`,
    );
  }

  const changes: Change[] = [];
  for (const { path, status, mode, blob } of entries) {
    const known = MODES.find((it) => it === mode);
    if (status === "deleted") changes.push({ status, path });
    else if (known === undefined) return unreadable(`\`${path}\` has the unknown mode ${mode}.`);
    else if (known === "160000") changes.push({ status, path, mode: known, blob, content: "" });
    else {
      const shown = await call(["cat-file", "blob", blob]);
      if (shown.exitCode !== 0) return unreadable(`git could not read \`${path}\`.`);
      changes.push({ status, path, mode: known, blob, content: shown.stdout.toString("base64") });
    }
  }
  return ok(changes);
}

/** The first changed path that base's attributes give a filter. A deletion needs none. */
async function filteredPath(call: IndexCall, base: string, entries: readonly Entry[]): Promise<string | undefined> {
  // Changed attributes were stored as they are, by no filter.
  const paths = entries.filter((it) => it.status !== "deleted" && it.path.split("/").at(-1) !== ATTRIBUTES).map((it) => it.path);
  if (paths.length === 0) return undefined;
  // `--cached` reads attributes from the index: it must be base's while it is asked.
  const restored = await call(["read-tree", base]);
  if (restored.exitCode !== 0) return paths[0];
  const shown = await call(["check-attr", "--cached", "-z", "--stdin", "filter"], { input: `${paths.join("\0")}\0` });
  const parts = splitNul(shown.stdout).map((it) => it.toString("utf8"));
  for (let at = 0; at + 2 < parts.length; at += 3) {
    if (!["unspecified", "unset", "set"].includes(parts[at + 2] ?? "")) return parts[at];
  }
  return shown.exitCode === 0 ? undefined : paths[0];
}

function decodePath(bytes: Buffer): string | undefined {
  try {
    const path = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return path.length > 0 && path.length <= 4_096 ? path : undefined;
  } catch {
    return undefined;
  }
}
