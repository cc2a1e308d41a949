import { INIT_BRANCH } from "#core/setup/steps.ts";
import { err, ok } from "#core/wire/result.ts";
import type { Answer, GitHubFailure } from "#ports/github.ts";
import type { Operator } from "#ports/operator.ts";
import { at, done, type Asking } from "./asking.ts";

/** What a reader is told who looks at why a commit is there. */
const COMMIT_MESSAGE = "Set up agent-pool";

/** A file by a commit of its own; `branch`: not the default one. */
export async function commitFile(
  { ask }: Asking,
  repository: string,
  file: { path: string; text: string; replaces: string | null; branch?: string },
): Answer<void> {
  const { path, text, replaces, branch } = file;
  const made = await ask("PUT /repos/{owner}/{repo}/contents/{path}", {
    ...at(repository),
    path,
    message: COMMIT_MESSAGE,
    content: Buffer.from(text).toString("base64"),
    ...(replaces === null ? {} : { sha: replaces }),
    ...(branch === undefined ? {} : { branch }),
  });
  return done(made);
}

export async function removeBranch({ remove }: Asking, repository: string, branch: string): Answer<void> {
  const gone = await remove("DELETE /repos/{owner}/{repo}/git/refs/{ref}", { ...at(repository), ref: `heads/${branch}` });
  // "Reference does not exist" is a 422.
  return !gone.ok && gone.error.reason === "github-refused" && gone.error.status === 422 ? ok(undefined) : gone;
}

export async function propose(
  asking: Asking,
  repository: string,
  { branch, title, body, files, begun }: Parameters<Operator["propose"]>[1],
): Answer<number> {
  const { ask } = asking;
  const found = await ask("GET /repos/{owner}/{repo}", at(repository));
  if (!found.ok) return found;
  const base = found.value.default_branch;
  const head = await ask("GET /repos/{owner}/{repo}/branches/{branch}", { ...at(repository), branch: base });
  if (!head.ok) return head;
  // A branch that an interrupted try has left is begun anew; one of somebody else's is refused by GitHub below.
  const cleared = begun ? await removeBranch(asking, repository, branch) : ok(undefined);
  if (!cleared.ok) return cleared;
  const made = await ask("POST /repos/{owner}/{repo}/git/refs", {
    ...at(repository),
    ref: `refs/heads/${branch}`,
    sha: head.value.commit.sha,
  });
  if (!made.ok) return isThere(made.error) ? err({ ...made.error, message: `a branch ${INIT_BRANCH} is there that this init did not make; delete it, or have it merged` }) : made; // prettier-ignore
  for (const [path, text] of Object.entries(files)) {
    const written = await commitFile(asking, repository, { path, text, replaces: null, branch });
    if (!written.ok) return written;
  }
  const opened = await ask("POST /repos/{owner}/{repo}/pulls", { ...at(repository), title, body, head: branch, base });
  return opened.ok ? ok(opened.value.number) : opened;
}

function isThere(error: GitHubFailure): boolean {
  return error.reason === "github-refused" && error.status === 422 && error.message.includes("already exists");
}

/** At the very commit that was looked at: what is pushed there meanwhile is not merged. */
export async function merge(
  asking: Asking,
  repository: string,
  number: number,
  { branch, path, text }: Parameters<Operator["merge"]>[2],
): ReturnType<Operator["merge"]> {
  const { ask } = asking;
  const place = { ...at(repository), pull_number: number };
  const pull = await ask("GET /repos/{owner}/{repo}/pulls/{pull_number}", place);
  if (!pull.ok) return pull;
  const { head, base } = pull.value;
  const files = await ask("GET /repos/{owner}/{repo}/pulls/{pull_number}/files", { ...place, per_page: 2 });
  if (!files.ok) return files;
  const file = await ask("GET /repos/{owner}/{repo}/contents/{path}", { ...at(repository), path, ref: head.sha });
  if (!file.ok) return file.error.reason === "github-refused" && file.error.status === 404 ? ok("other") : file;
  const content = !Array.isArray(file.value) && "content" in file.value ? file.value.content : "";
  const isOurs =
    base.ref === pull.value.base.repo.default_branch &&
    files.value.length === 1 &&
    files.value[0]?.filename === path &&
    Buffer.from(content, "base64").toString("utf8") === text;
  if (!isOurs) return ok("other");
  const merged = await ask("PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge", { ...place, sha: head.sha });
  if (!merged.ok) return merged.error.reason === "github-refused" && merged.error.status === 405 ? ok("waits") : merged;
  const gone = await removeBranch(asking, repository, branch);
  return gone.ok ? ok("merged") : gone;
}
