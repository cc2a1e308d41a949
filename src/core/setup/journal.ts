import { z } from "zod";
import { unreachable } from "../wire/result.ts";

/**
 * What `init` has done to an owner, so that `init --undo` takes back that and nothing else. It is kept on the operator's machine: what lies
 * in a repository, others could write, and say by it what is to be deleted.
 */
const repository = z.string();
export const Done = z.discriminatedUnion("did", [
  z.strictObject({ did: z.literal("point-webhooks"), repository: z.null(), before: z.string() }),
  /** `id`: null where GitHub's answer never came. */
  z.strictObject({ did: z.literal("create-repository"), repository, id: z.number().nullable() }),
  z.strictObject({
    did: z.literal("write-file"),
    repository,
    path: z.string(),
    wrote: z.string(),
    before: z.string().nullable(),
  }),
  z.strictObject({ did: z.literal("protect-branch"), repository, branch: z.string() }),
  z.strictObject({
    did: z.literal("lock-environment"),
    repository,
    environment: z.string(),
    /** Its rule before; null: it wasn't there. */
    before: z.union([z.array(z.string()), z.enum(["any", "protected"])]).nullable(),
  }),
  z.strictObject({ did: z.literal("set-key"), repository, environment: z.string() }),
  z.strictObject({ did: z.literal("create-label"), repository, label: z.string() }),
  z.strictObject({
    did: z.literal("propose-files"),
    repository,
    branch: z.string(),
    pull: z.number().nullable(),
    files: z.record(z.string(), z.string()),
  }),
  /** `wrote`: undefined where the proposal is of an `init` whose journal is lost. */
  z.strictObject({ did: z.literal("merge"), repository, path: z.string(), wrote: z.string().optional() }),
]);
export type Done = z.infer<typeof Done>;

export const Journal = z.strictObject({ version: z.literal(1), owner: z.string(), done: z.array(Done) });
export type Journal = z.infer<typeof Journal>;

/** The journal with one more thing in it. The same thing again, as when more is known of it, takes the place of what was said first. Pure. */
export function note(journal: Journal, entry: Done): Journal {
  const known = journal.done.findIndex((each) => keyOf(each) === keyOf(entry));
  if (known === -1) return { ...journal, done: [...journal.done, entry] };
  return { ...journal, done: journal.done.with(known, sinceFirst(journal.done[known], entry)) };
}

/** What stood there before the first time is what taking it back restores. */
function sinceFirst(first: Done | undefined, entry: Done): Done {
  if (first?.did === "point-webhooks") return first;
  if (first?.did === "write-file" && entry.did === "write-file") return { ...entry, before: first.before };
  if (first?.did === "lock-environment" && entry.did === "lock-environment") return { ...entry, before: first.before };
  return entry;
}

function keyOf(done: Done): string {
  switch (done.did) {
    case "write-file":
    case "merge":
      return `${done.did} ${done.repository} ${done.path}`;
    case "lock-environment":
    case "set-key":
      return `${done.did} ${done.repository} ${done.environment}`;
    case "point-webhooks":
      return done.did;
    case "create-repository":
    case "protect-branch":
    case "create-label":
    case "propose-files":
      return `${done.did} ${done.repository}`;
    default:
      return unreachable(done);
  }
}

/** What is taken back, the last first. What lies in a repository that goes as a whole goes with it. Pure. */
export function planUndo({ done }: Journal): readonly Done[] {
  const gone = new Set(done.flatMap((each) => (each.did === "create-repository" ? [each.repository] : [])));
  const goesWith = (each: Done) => each.did !== "create-repository" && each.repository !== null && gone.has(each.repository);
  return done.filter((each) => !goesWith(each)).toReversed();
}

/** The files that `init` may have put into a repository: GitHub's own first one, and its own. Pure. */
export function writtenIn({ done }: Journal, repository: string): ReadonlySet<string> {
  const paths = done
    .filter((each) => each.repository === repository)
    .flatMap((each) => {
      if (each.did === "write-file") return [each.path];
      return each.did === "propose-files" ? Object.keys(each.files) : [];
    });
  return new Set(["README.md", ...paths]);
}

/** What taking it back will do, for a person. */
export function describeUndo(done: Done): string {
  if (done.did === "point-webhooks") return `have GitHub send the App's events to ${done.before} again`;
  const { repository: name } = done;
  switch (done.did) {
    case "create-repository":
      return `delete the repository ${name}, with all that is in it`;
    case "write-file":
      return `${done.before === null ? "remove" : "put back"} ${done.path} in ${name}`;
    case "protect-branch":
      return `end the protection of ${done.branch} in ${name}`;
    case "lock-environment":
      return `${done.before === null ? "delete" : "put back the rule of"} the environment ${done.environment} of ${name}`;
    case "set-key":
      return `delete the key of ${done.environment} in ${name}`;
    case "create-label":
      return `delete the label ${done.label} in ${name}, also from its issues`;
    case "propose-files":
      return `close the pull request in ${name}, and delete its branch ${done.branch}`;
    case "merge":
      return `remove ${done.path} from ${name}`;
    default:
      return unreachable(done);
  }
}
