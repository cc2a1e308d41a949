import type { Octokit } from "@octokit/rest";
import type { Change } from "#core/wire/contract.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";

/**
 * What travels inline in a tree, in bytes of JSON: a control character takes six. Bodies of about 2.5 MB were answered with
 * 502 and 422, and `content` is stored literally, so it can only be text. Source: codesandbox-client#8614, octokit#1313.
 */
const MAX_INLINE_FILE = 256 * 1024;
const MAX_INLINE_TREE = 1024 * 1024;
const BLOBS_AT_ONCE = 4;

type Entry =
  | { path: string; mode: "100644" | "100755"; type: "blob"; content: string }
  | { path: string; mode: "100644" | "100755"; type: "blob"; sha: string | null };

/**
 * Writes the changes on top of a tree and commits the result. `author`, `committer` and `signature` are not sent:
 * only then does GitHub sign the commit as the App's. Source: GitHub's page on commit signature verification, "for bots".
 */
export async function createCommit(
  client: Octokit,
  at: { owner: string; repo: string },
  commit: { message: string; parent: string; baseTree: string; changes: readonly Change[] },
): Promise<Result<string, GitHubFailure>> {
  const entries = await toEntries(client, at, commit.changes);
  if (!entries.ok) return entries;
  let tree = commit.baseTree;
  const treeRoute = "POST /repos/{owner}/{repo}/git/trees";
  for (const batch of inTrees(entries.value)) {
    const base = tree;
    const made = await answer(treeRoute, () =>
      client.request(treeRoute, { ...at, base_tree: base, tree: batch, request: timeout() }),
    );
    if (!made.ok) return made;
    tree = made.value.data.sha;
  }
  const made = await answer(EFFECTS.createCommit, () =>
    client.request(EFFECTS.createCommit, { ...at, message: commit.message, tree, parents: [commit.parent], request: timeout() }),
  );
  return made.ok ? ok(made.value.data.sha) : made;
}

async function toEntries(
  client: Octokit,
  at: { owner: string; repo: string },
  changes: readonly Change[],
): Promise<Result<Entry[], GitHubFailure>> {
  const entries: Entry[] = [];
  const route = "POST /repos/{owner}/{repo}/git/blobs";
  const uploads: { entry: { path: string; mode: "100644" | "100755" }; content: string }[] = [];
  for (const change of changes) {
    if (change.status === "deleted") {
      entries.push({ path: change.path, mode: "100644", type: "blob", sha: null });
      continue;
    }
    // The guards let nothing but plain files through; the type can't know.
    const mode = change.mode === "100755" ? "100755" : "100644";
    const text = toText(change.content);
    if (text !== undefined && sizeOf(text) <= MAX_INLINE_FILE) {
      entries.push({ path: change.path, mode, type: "blob", content: text });
    } else {
      uploads.push({ entry: { path: change.path, mode }, content: change.content });
    }
  }
  for (let from = 0; from < uploads.length; from += BLOBS_AT_ONCE) {
    const made = await Promise.all(
      uploads.slice(from, from + BLOBS_AT_ONCE).map(async ({ entry, content }) => ({
        entry,
        blob: await answer(route, () => client.request(route, { ...at, content, encoding: "base64", request: timeout() })),
      })),
    );
    for (const { entry, blob } of made) {
      if (!blob.ok) return blob;
      entries.push({ ...entry, type: "blob", sha: blob.value.data.sha });
    }
  }
  return ok(entries);
}

/** undefined for what is not UTF-8 byte by byte, or holds NUL. */
function toText(base64: string): string | undefined {
  const content = Buffer.from(base64, "base64");
  const text = content.toString("utf8");
  return !content.includes(0) && Buffer.from(text, "utf8").equals(content) ? text : undefined;
}

function sizeOf(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

/**
 * One tree after the other, each on top of the one before. Where a file takes a folder's place, or a folder a file's, what
 * stood there goes in a tree of its own: what GitHub makes of both in one request is not documented.
 */
function inTrees(entries: readonly Entry[]): Entry[][] {
  const written = entries.filter((entry) => !isDeletion(entry)).map(({ path }) => path);
  const isInTheWay = ({ path }: Entry) => written.some((it) => it.startsWith(`${path}/`) || path.startsWith(`${it}/`));
  const inTheWay = new Set(entries.filter((entry) => isDeletion(entry) && isInTheWay(entry)));
  const trees: Entry[][] = inTheWay.size === 0 ? [] : [[...inTheWay]];
  let size = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    if (inTheWay.has(entry)) continue;
    const weight = "content" in entry ? sizeOf(entry.content) : 0;
    if (size + weight > MAX_INLINE_TREE) {
      trees.push([]);
      size = 0;
    }
    trees.at(-1)?.push(entry);
    size += weight;
  }
  return trees;
}

function isDeletion(entry: Entry): boolean {
  return "sha" in entry && entry.sha === null;
}
