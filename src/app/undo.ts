import { KEY_SECRET } from "#core/setup/files.ts";
import { writtenIn, type Done, type Journal } from "#core/setup/journal.ts";
import { ok, unreachable, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { Operator } from "#ports/operator.ts";
import type { Hands } from "./init.ts";

/** `left`: it is no longer what `init` made, and is its owner's to decide about. */
export type Undone = "done" | { readonly left: string };
type Answer = Promise<Result<Undone, GitHubFailure>>;

/** Takes one thing back that `init` did. What is gone already is done. */
export async function undoStep({ operator, app }: Hands, done: Done, journal: Journal): Answer {
  if (done.did === "point-webhooks")
    return app === undefined ? ok({ left: "the App's key isn't on this machine" }) : whenDone(app.setWebhookUrl(done.before));
  const { repository } = done;
  switch (done.did) {
    case "create-repository":
      return removeRepository(operator, done, writtenIn(journal, repository));
    case "write-file":
      return restoreFile(operator, done);
    case "protect-branch":
      return whenDone(operator.unprotectBranch(repository, done.branch));
    case "lock-environment":
      return whenDone(
        done.before === null
          ? operator.deleteEnvironment(repository, done.environment)
          : operator.setEnvironment(repository, done.environment, done.before),
      );
    case "set-key":
      return whenDone(operator.deleteSecret(repository, done.environment, KEY_SECRET));
    case "create-label":
      return whenDone(operator.deleteLabel(repository, done.label));
    case "propose-files":
      return whenDone(operator.withdraw(repository, done.pull, done.branch));
    case "merge":
      return restoreFile(operator, { ...done, before: null });
    default:
      return unreachable(done);
  }
}

type CreateRepository = Extract<Done, { did: "create-repository" }>;

/** A repository goes only where it is the one that was made, and holds nothing that `init` did not put there. */
async function removeRepository(operator: Operator, { repository, id }: CreateRepository, ours: ReadonlySet<string>): Answer {
  const found = await operator.readRepository(repository);
  if (!found.ok || found.value === undefined) return found.ok ? ok("done") : found;
  if (found.value.id !== id) return ok({ left: "it is not known to be the one that init made" });
  const files = await operator.listFiles(repository);
  if (!files.ok) return files;
  const others = files.value.filter((path) => !ours.has(path));
  if (others.length > 0) return ok({ left: `it holds other files too: ${others.slice(0, 5).join(", ")}` });
  return whenDone(operator.deleteRepository(repository));
}

type File = {
  readonly repository: string;
  readonly path: string;
  readonly wrote?: string | undefined;
  readonly before: string | null;
};

async function restoreFile(operator: Operator, { repository, path, wrote, before }: File): Answer {
  const found = await operator.readFile(repository, path);
  if (!found.ok || found.value === undefined) return found.ok ? ok("done") : found;
  const { text, blob } = found.value;
  if (text === before) return ok("done");
  if (wrote !== undefined && text !== wrote) return ok({ left: "it has been changed since" });
  return whenDone(
    before === null ? operator.deleteFile(repository, path, blob) : operator.writeFile(repository, path, before, blob),
  );
}

async function whenDone(answered: Promise<Result<void, GitHubFailure>>): Answer {
  const result = await answered;
  return result.ok ? ok("done") : result;
}
