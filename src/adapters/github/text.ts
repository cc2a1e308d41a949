import type { Octokit } from "@octokit/rest";
import { ok } from "#core/wire/result.ts";
import type { Answer, FileAt, Place } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";
import { toFile, type Blob } from "./set-up.ts";

/** A file at a commit, with what stands in its folder: of a symbolic link GitHub gives the other file's name for a text. */
export const TEXT_QUERY = `
  query Text($owner: String!, $name: String!, $file: String!, $folder: String!) {
    repository(owner: $owner, name: $name) {
      file: object(expression: $file) { ... on Blob { text isTruncated } }
      folder: object(expression: $folder) { ... on Tree { entries { name mode } } }
    }
  }
`;

type TextData = {
  readonly repository: {
    readonly file: Blob;
    readonly folder: { readonly entries?: readonly { readonly name: string; readonly mode: number }[] | null } | null;
  } | null;
};

/** Git's modes of a plain file, one that may be executed included. */
const PLAIN: readonly number[] = [0o100644, 0o100755];

/** `path` from the repository's root, without a slash before it. Anything but a plain file of text is unreadable. */
export async function readText(client: Octokit, { owner, repository }: Place, commit: string, path: string): Answer<FileAt> {
  const at = path.lastIndexOf("/") + 1;
  const folder = path.slice(0, Math.max(0, at - 1));
  const variables = {
    owner: owner.login,
    name: repository.name,
    file: `${commit}:${path}`,
    folder: `${commit}:${folder}`,
  };
  const read = await answer("POST /graphql", () => client.graphql<TextData>(TEXT_QUERY, { ...variables, request: timeout() }));
  if (!read.ok) return read;
  const found = read.value.repository;
  const file = toFile(found?.file ?? null);
  const mode = found?.folder?.entries?.find(({ name }) => name === path.slice(at))?.mode ?? 0;
  return ok(file === "missing" || PLAIN.includes(mode) ? file : "unreadable");
}
