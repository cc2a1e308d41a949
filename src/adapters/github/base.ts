import type { Octokit } from "@octokit/rest";
import type { Behind } from "#core/plan/base-update.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { ok } from "#core/wire/result.ts";
import type { Answer, GitHub } from "#ports/github.ts";
import { answer, at, timeout, type At } from "./client.ts";
import { pullPurpose, writePurpose } from "./purposes.ts";
import type { Under } from "./tokens.ts";

/** Of a comparison, on its first page alone. Source: docs.github.com, REST, "Compare two commits". */
const MAX_FILES = 300;

/** How far a pull request's base has gone on, and that into its branch. */
export function followingBase(under: Under): Pick<GitHub, "readBehind" | "mergeBase"> {
  return {
    readBehind: (place, pull) => under(pullPurpose(place), (client) => readBehind(client, at(place), pull)),

    async mergeBase(place, branch, { commit, message }) {
      const made = await under(writePurpose(place), (client) =>
        answer(EFFECTS.mergeBase, () =>
          client.request(EFFECTS.mergeBase, {
            ...at(place),
            base: branch,
            head: commit,
            commit_message: message,
            request: timeout(),
          }),
        ),
      );
      if (!made.ok) return made;
      // 204: it is in there.
      return ok(made.value.status === 201 ? { commit: made.value.data.sha, tree: made.value.data.commit.tree.sha } : undefined);
    },
  };
}

async function readBehind(client: Octokit, place: At, pull: number): Answer<Behind> {
  const pullRoute = "GET /repos/{owner}/{repo}/pulls/{pull_number}";
  const read = await answer(pullRoute, () => client.request(pullRoute, { ...place, pull_number: pull, request: timeout() }));
  if (!read.ok) return read;
  const { base, head } = read.value.data;
  // What the pull request says of its base is as old as its last change.
  const refRoute = "GET /repos/{owner}/{repo}/git/ref/{ref}";
  const tip = await answer(refRoute, () => client.request(refRoute, { ...place, ref: `heads/${base.ref}`, request: timeout() }));
  if (!tip.ok) return tip;
  const commit = tip.value.data.object.sha;
  const brings = await readChanged(client, place, head.sha, commit);
  if (!brings.ok) return brings;
  const touches = brings.value?.length === 0 ? ok([]) : await readChanged(client, place, commit, head.sha);
  return touches.ok ? ok({ branch: base.ref, commit, brings: brings.value, touches: touches.value }) : touches;
}

/** The paths, old and new ones, that `to` has changed since it and `from` went apart. */
async function readChanged(client: Octokit, place: At, from: string, to: string): Answer<readonly string[] | null> {
  const route = "GET /repos/{owner}/{repo}/compare/{basehead}";
  const compared = await answer(route, () =>
    client.request(route, { ...place, basehead: `${from}...${to}`, per_page: 1, request: timeout() }),
  );
  if (!compared.ok) return compared;
  const files = compared.value.data.files ?? [];
  if (files.length >= MAX_FILES) return ok(null);
  return ok(files.flatMap(({ filename, previous_filename: before }) => (before === undefined ? [filename] : [filename, before])));
}
