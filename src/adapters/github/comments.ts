import { EFFECTS } from "#core/task/effects.ts";
import { isReceipt, isReceiptsIssue, parseCommentMarker, parseReplyMarker, receiptMarker } from "#core/task/markers.ts";
import { ok } from "#core/wire/result.ts";
import type { Answer, GitHub, Place } from "#ports/github.ts";
import { createAsking, everyPage } from "./asking.ts";
import { answer, at, timeout } from "./client.ts";
import { findUnanswered } from "./discussion.ts";
import { pullPurpose, receiptsPurpose, sayPurpose, writePurpose } from "./purposes.ts";
import type { Under } from "./tokens.ts";

/** Of what we have opened in one repository, so many pages are looked at. */
const MAX_PAGES = 10;

export type Bot = { readonly id: number; readonly login: string };

type Deps = {
  readonly under: Under;
  readonly readBot: GitHub["readBot"];
  /** A comment of ours tells who we are. */
  readonly meet: (bot: Bot) => void;
  /** A repository's page. */
  readonly pageOf: (place: Place) => string;
};

type Said =
  | "findComment"
  | "createComment"
  | "updateComment"
  | "react"
  | "commentUrl"
  | "createReply"
  | "findReply"
  | "findUnanswered"
  | "answerThread"
  | "findReceipts"
  | "openIssue"
  | "findReceipt";

/** What the app says on issues, how it is found again, and how it shows that it has heard. */
export function commenting({ under, readBot, meet, pageOf }: Deps): Pick<GitHub, Said> {
  const purposeOf = (place: Place, body: string) => (isReceipt(body) ? receiptsPurpose(place) : sayPurpose(place));

  /** Our oldest comment that is one of these, with the token that it will be written with. Listed oldest first. */
  async function findOwn(
    place: Place,
    issue: number,
    isIt: (body: string) => boolean,
    purpose = sayPurpose(place),
  ): Answer<number | undefined> {
    const self = await readBot(place);
    if (!self.ok) return self;
    const route = "GET /repos/{owner}/{repo}/issues/{issue_number}/comments";
    const pages = await under(purpose, (client) =>
      answer(route, () =>
        client.paginate(client.rest.issues.listComments, {
          ...at(place),
          issue_number: issue,
          per_page: 100,
          request: timeout(),
        }),
      ),
    );
    if (!pages.ok) return pages;
    return ok(pages.value.find(({ user, body }) => Number(user?.id) === self.value.id && isIt(body ?? ""))?.id);
  }

  async function create(effect: "createComment" | "createReply", place: Place, issue: number, body: string): Answer<number> {
    const made = await under(purposeOf(place, body), (client) =>
      answer(EFFECTS[effect], () =>
        client.request(EFFECTS[effect], { ...at(place), issue_number: issue, body, request: timeout() }),
      ),
    );
    if (!made.ok) return made;
    const { id, user } = made.value.data;
    if (user !== null) meet({ id: Number(user.id), login: user.login });
    return ok(Number(id));
  }

  return {
    findComment: (place, issue) => findOwn(place, issue, (body) => parseCommentMarker(body) !== undefined),
    createComment: (place, issue, body) => create("createComment", place, issue, body),
    async updateComment(place, comment, body) {
      const done = await under(purposeOf(place, body), (client) =>
        answer(EFFECTS.updateComment, () =>
          client.request(EFFECTS.updateComment, { ...at(place), comment_id: comment, body, request: timeout() }),
        ),
      );
      return done.ok ? ok(undefined) : done;
    },
    async react(place, comment, content) {
      const done = await under(sayPurpose(place), (client) =>
        answer(EFFECTS.react, () =>
          client.request(EFFECTS.react, { ...at(place), comment_id: comment, content, request: timeout() }),
        ),
      );
      return done.ok ? ok(undefined) : done;
    },
    commentUrl: (place, issue, comment) => `${pageOf(place)}/issues/${String(issue)}#issuecomment-${String(comment)}`,
    findReply: (place, issue, call) => findOwn(place, issue, (body) => parseReplyMarker(body) === call),
    createReply: (place, issue, body) => create("createReply", place, issue, body),
    async findUnanswered(place, pull, task) {
      const self = await readBot(place);
      if (!self.ok) return self;
      return under(pullPurpose(place), (client) => findUnanswered(client, place, { pull, task, bot: self.value.id }));
    },
    async answerThread(place, pull, thread, body) {
      const made = await under(writePurpose(place), (client) =>
        answer(EFFECTS.answerThread, () =>
          client.request(EFFECTS.answerThread, {
            ...at(place),
            pull_number: pull,
            comment_id: thread,
            body,
            request: timeout(),
          }),
        ),
      );
      return made.ok ? ok(undefined) : made;
    },

    async findReceipts(place) {
      const self = await readBot(place);
      if (!self.ok) return self;
      const listed = await under(receiptsPurpose(place), (client) => {
        const { ask } = createAsking(client);
        const own = { creator: self.value.login, state: "all", sort: "created", direction: "asc" } as const;
        return everyPage((paging) => ask("GET /repos/{owner}/{repo}/issues", { ...at(place), ...own, ...paging }), MAX_PAGES);
      });
      if (!listed.ok) return listed;
      return ok(
        listed.value.find(({ user, body = null }) => isReceiptsIssue({ isByBot: Number(user?.id) === self.value.id, body }))
          ?.number,
      );
    },
    async openIssue(place, issue) {
      const made = await under(receiptsPurpose(place), (client) =>
        answer(EFFECTS.openIssue, () => client.request(EFFECTS.openIssue, { ...at(place), ...issue, request: timeout() })),
      );
      return made.ok ? ok(made.value.data.number) : made;
    },
    findReceipt: (place, issue, lender) =>
      findOwn(place, issue, (body) => body.startsWith(receiptMarker(lender)), receiptsPurpose(place)),
  };
}
