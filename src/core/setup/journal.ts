import { z } from "zod";
import { unreachable } from "../wire/result.ts";

/**
 * What `init` has done to an owner, so that `init --undo` takes back that and nothing else. It is kept on the operator's machine: what lies
 * in a repository, others could write, and say by it what is to be deleted.
 */
const repository = z.string();
export const Done = z.discriminatedUnion("did", [
  z.strictObject({ did: z.literal("point-webhooks"), repository: z.null(), wrote: z.string(), before: z.string() }),
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
  z.strictObject({ did: z.literal("merge"), repository, path: z.string(), wrote: z.string() }),
]);
export type Done = z.infer<typeof Done>;

/** `api`: of which GitHub; on another, repositories of the same names are others. */
export const Journal = z.strictObject({ version: z.literal(1), api: z.string(), owner: z.string(), done: z.array(Done) });
export type Journal = z.infer<typeof Journal>;

/** The journal with one more thing in it. The same thing again, as when more is known of it, takes the place of what was said first. Pure. */
export function note(journal: Journal, entry: Done): Journal {
  const known = journal.done.findIndex((each) => keyOf(each) === keyOf(entry));
  if (known === -1) return { ...journal, done: [...journal.done, entry] };
  return { ...journal, done: journal.done.with(known, sinceFirst(journal.done[known], entry)) };
}

/** What stood there before the first time is what taking it back restores. */
function sinceFirst(first: Done | undefined, entry: Done): Done {
  if (first?.did === "point-webhooks" && entry.did === "point-webhooks") return { ...entry, before: first.before };
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
  return done.filter((each) => each.did === "create-repository" || !isCreated(done, each.repository)).toReversed();
}

/** Where a repository that was to go is left, what `init` did in it is taken back all the same, its keys among it. Pure. */
export function planUndoWithin({ done }: Journal, left: string): readonly Done[] {
  return done.filter((each) => each.did !== "create-repository" && each.repository === left).toReversed();
}

function isCreated(done: readonly Done[], repository: string | null): boolean {
  return done.some((each) => each.did === "create-repository" && each.repository === repository);
}

/** Of a file that `init` has put into a repository, what it wrote there last. Pure. */
export function writtenIn({ done }: Journal, repository: string): ReadonlyMap<string, string> {
  const files = done.flatMap((each): [string, string][] => {
    if (each.repository !== repository) return [];
    if (each.did === "write-file" || each.did === "merge") return [[each.path, each.wrote]];
    return [];
  });
  return new Map(files);
}

/** What this pull request proposed, where `init` has opened it from here. Pure. */
export function proposedIn(
  { done }: Journal,
  repository: string,
  pull: number | null,
): Readonly<Record<string, string>> | undefined {
  const found = done.find((each) => each.did === "propose-files" && each.repository === repository && each.pull === pull);
  return pull !== null && found?.did === "propose-files" ? found.files : undefined;
}

/** What taking it back will do, for a person. */
export function describeUndo(done: Done): string {
  if (done.did === "point-webhooks") return `have GitHub send the App's events to ${done.before} again`;
  const { repository: name } = done;
  switch (done.did) {
    case "create-repository":
      return `delete the repository ${name}, if nothing is in it but what init has put there`;
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
