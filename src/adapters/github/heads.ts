import { EFFECTS } from "#core/task/effects.ts";
import { ok } from "#core/wire/result.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { GitHub, Place } from "#ports/github.ts";
import { answer, at, timeout } from "./client.ts";
import { readDiscussion } from "./discussion.ts";
import { pullPurpose, teamReviewPurpose, writePurpose } from "./purposes.ts";
import type { Under } from "./tokens.ts";

/** Where a pull request stands, on with it, and to whom. */
export function movingHeads(
  under: Under,
): Pick<GitHub, "readHead" | "readDiscussion" | "readCommit" | "updateBranch" | "requestReview"> {
  const of = (place: Place) => ({ ...at(place), request: timeout() });
  return {
    async readHead(place, pull) {
      const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}";
      const read = await under(pullPurpose(place), (client) =>
        answer(route, () => client.request(route, { ...of(place), pull_number: pull })),
      );
      if (!read.ok) return read;
      const { head, state } = read.value.data;
      // null where a fork is gone.
      const isOwn = Number((head.repo as { readonly id: number } | null)?.id) === place.repository.id;
      return ok({ branch: head.ref, commit: head.sha, isOpen: state === "open", isOwn });
    },

    readDiscussion: (place, pull) => under(pullPurpose(place), (client) => readDiscussion(client, place, pull)),

    async readCommit(place, commit) {
      const route = "GET /repos/{owner}/{repo}/git/commits/{commit_sha}";
      const read = await under(writePurpose(place), (client) =>
        answer(route, () => client.request(route, { ...of(place), commit_sha: commit })),
      );
      if (!read.ok) return read;
      const { tree, parents, committer } = read.value.data;
      return ok({ tree: tree.sha, parents: parents.map(({ sha }) => sha), at: EpochMs(Date.parse(committer.date)) });
    },

    async updateBranch(place, branch, commit) {
      const moved = await under(writePurpose(place), (client) =>
        answer(EFFECTS.updateBranch, () =>
          client.request(EFFECTS.updateBranch, { ...of(place), ref: `heads/${branch}`, sha: commit, force: false }),
        ),
      );
      return moved.ok ? ok(undefined) : moved;
    },

    async requestReview(place, pull, { people, teams }) {
      const asked = await under(teams.length === 0 ? writePurpose(place) : teamReviewPurpose(place), (client) =>
        answer(EFFECTS.requestReview, () =>
          client.request(EFFECTS.requestReview, {
            ...of(place),
            pull_number: pull,
            ...(people.length === 0 ? {} : { reviewers: [...people] }),
            ...(teams.length === 0 ? {} : { team_reviewers: [...teams] }),
          }),
        ),
      );
      return asked.ok ? ok(undefined) : asked;
    },
  };
}
