import type { Octokit } from "@octokit/rest";
import { EFFECTS } from "#core/task/effects.ts";
import { parseCommentMarker } from "#core/task/markers.ts";
import { ok } from "#core/wire/result.ts";
import type { Answer, GitHub, Place } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";
import { writePurpose } from "./purposes.ts";
import type { Purpose } from "./tokens.ts";

type Bot = { readonly id: number; readonly login: string };
type Doors = {
  readonly under: <T>(purpose: Purpose, work: (client: Octokit) => Answer<T>) => Answer<T>;
  readonly readBot: (place: Place) => Answer<Bot>;
  readonly meetBot: (bot: Bot) => void;
};

/** What the app says on issues, and how it shows that it has heard. */
export function commenting({
  under,
  readBot,
  meetBot,
}: Doors): Pick<GitHub, "findComment" | "createComment" | "updateComment" | "react"> {
  const at = (place: Place) => ({ owner: place.owner.login, repo: place.repository.name, request: timeout() });
  return {
    async findComment(place, issue) {
      const self = await readBot(place);
      if (!self.ok) return self;
      const route = "GET /repos/{owner}/{repo}/issues/{issue_number}/comments";
      const pages = await under(writePurpose(place), (client) =>
        answer(route, () =>
          client.paginate(client.rest.issues.listComments, { ...at(place), issue_number: issue, per_page: 100 }),
        ),
      );
      if (!pages.ok) return pages;
      const mine = pages.value.find(
        (comment) => Number(comment.user?.id) === self.value.id && parseCommentMarker(comment.body ?? "") !== undefined,
      );
      return ok(mine === undefined ? undefined : mine.id);
    },

    async createComment(place, issue, body) {
      const made = await under(writePurpose(place), (client) =>
        answer(EFFECTS.createComment, () => client.request(EFFECTS.createComment, { ...at(place), issue_number: issue, body })),
      );
      if (!made.ok) return made;
      const { id, user } = made.value.data;
      if (user !== null) meetBot({ id: Number(user.id), login: user.login });
      return ok(Number(id));
    },

    async updateComment(place, comment, body) {
      const done = await under(writePurpose(place), (client) =>
        answer(EFFECTS.updateComment, () => client.request(EFFECTS.updateComment, { ...at(place), comment_id: comment, body })),
      );
      return done.ok ? ok(undefined) : done;
    },

    async react(place, comment, content) {
      const done = await under(writePurpose(place), (client) =>
        answer(EFFECTS.react, () => client.request(EFFECTS.react, { ...at(place), comment_id: comment, content })),
      );
      return done.ok ? ok(undefined) : done;
    },
  };
}
