import { z } from "zod";
import { InstallationId, OwnerId, RepositoryId } from "#core/wire/ids.ts";
import { CONFIG_FILE } from "#core/config/policy.ts";
import type { Against } from "#ports/checks.ts";
import type { DeliveryEvent } from "#ports/delivery.ts";

const COMMIT_ID = z.string().regex(/^[0-9a-f]{40,64}$/);
const Repository = z.object({
  id: z.number(),
  name: z.string(),
  private: z.boolean(),
  default_branch: z.string(),
  owner: z.object({ id: z.number(), login: z.string() }),
});
const Files = z.array(z.string());
const Push = z.object({
  ref: z.string().startsWith("refs/heads/"),
  before: COMMIT_ID,
  after: COMMIT_ID,
  deleted: z.literal(false),
  forced: z.boolean(),
  commits: z.array(z.object({ added: Files, modified: Files, removed: Files })),
  repository: Repository,
  installation: z.object({ id: z.number() }),
});
const Pull = z.object({
  action: z.enum(["opened", "synchronize", "reopened"]),
  pull_request: z.object({
    head: z.object({ sha: COMMIT_ID, repo: z.object({ id: z.number() }).nullable() }),
    base: z.object({ ref: z.string() }),
  }),
  repository: Repository,
  installation: z.object({ id: z.number() }),
});

/**
 * A push that changes a configuration file, or may, and a fork's pull request, whose pushes we don't hear of. `id`: of the
 * delivery that is made of it, the same for whatever tells of this commit, so that it is checked once. Pure.
 */
export function readConfigChange(
  name: string,
  payload: unknown,
): { readonly id: string; readonly event: DeliveryEvent } | undefined {
  if (name === "push") {
    const push = Push.safeParse(payload);
    return push.success && mayTouch(push.data) ? toEvent(push.data, push.data.after, againstOf(push.data)) : undefined;
  }
  if (name === "pull_request") {
    const pull = Pull.safeParse(payload);
    if (!pull.success) return undefined;
    const { head, base } = pull.data.pull_request;
    // A fork that is gone has no repository; what was pushed to it is here still.
    if (head.repo?.id === pull.data.repository.id) return undefined;
    return toEvent(pull.data, head.sha, { branch: base.ref });
  }
  return undefined;
}

/** GitHub lists no more commits of a push, and no more files of a commit. Source: its webhook reference, `push`, 2026-11. */
const MAX_COMMITS = 2_048;
const MAX_FILES = 3_000;

/** Whether one of its commits names the file; or isn't told, and so it is looked at. */
function mayTouch({ forced, commits }: z.infer<typeof Push>): boolean {
  // What a forced push takes back, no commit of it names.
  if (forced || commits.length >= MAX_COMMITS) return true;
  return commits.some(({ added, modified, removed }) => {
    const files = [...added, ...modified, ...removed];
    return files.length >= MAX_FILES || files.includes(CONFIG_FILE);
  });
}

/** The default branch is compared with what it was, any other with where it left that one. */
function againstOf({ ref, before, repository }: z.infer<typeof Push>): Against | null {
  const branch = repository.default_branch;
  if (ref !== `refs/heads/${branch}`) return { branch };
  return /^0+$/.test(before) ? null : { commit: before };
}

function toEvent(
  { repository, installation }: { repository: z.infer<typeof Repository>; installation: { id: number } },
  commit: string,
  against: Against | null,
): { readonly id: string; readonly event: DeliveryEvent } {
  const { id, name, private: isPrivate, owner } = repository;
  const place = {
    installation: InstallationId(installation.id),
    owner: { id: OwnerId(owner.id), login: owner.login },
    repository: { id: RepositoryId(id), name, private: isPrivate },
  };
  return { id: `configuration ${String(id)} ${commit}`, event: { kind: "config-changed", place, commit, against } };
}
