import { answer, invalid, notFound } from "../answers.ts";
import { actorOf } from "../credentials.ts";
import { toUser } from "../shapes/account.ts";
import { nodeId } from "../shapes/urls.ts";
import { iso, nextId, nowOf } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

/** Source: GitHub's REST API, "Reactions". */
const CONTENTS = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

/** The same by the same once more is answered 200, and makes none. */
export const addReaction: RepositoryHandler = (github, { repository, params, body, caller }) => {
  const comment = repository.comments.get(Number(params["comment_id"]));
  if (comment === undefined) return notFound();
  const content = String(body["content"]);
  if (!CONTENTS.includes(content)) return invalid({ resource: "Reaction", code: "invalid", field: "content" });
  const user = actorOf(github, caller);
  const known = comment.reactions.find((each) => each.content === content && each.user.id === user.id);
  const reaction = known ?? { id: nextId(github), user, content, createdAt: nowOf(github) };
  if (known === undefined) comment.reactions.push(reaction);
  return answer(known === undefined ? 201 : 200, {
    id: reaction.id,
    node_id: nodeId("Reaction", reaction.id),
    user: toUser(github, user),
    content,
    created_at: iso(reaction.createdAt),
  });
};
