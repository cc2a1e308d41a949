import { gitBlobId } from "#core/change/guards.ts";
import { KEY_SECRET } from "#core/setup/files.ts";
import { writtenIn, type Done, type Journal } from "#core/setup/journal.ts";
import { INIT_BRANCH } from "#core/setup/steps.ts";
import { ok, unreachable, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { AppView } from "#ports/app-view.ts";
import type { Operator } from "#ports/operator.ts";
import type { Hands } from "./init.ts";

/** `left`: it is no longer what `init` made, and is its owner's to decide about. */
export type Undone = "done" | { readonly left: string };
type Answer = Promise<Result<Undone, GitHubFailure>>;

/** Takes one thing back that `init` did. What is gone already is done. */
export async function undoStep({ operator, app }: Hands, done: Done, journal: Journal): Answer {
  if (done.did === "point-webhooks") return pointBack(app, done);
  const { repository } = done;
  switch (done.did) {
    case "create-repository":
      return removeRepository(operator, done, journal);
    case "write-file":
      return restoreFile(operator, done);
    case "protect-branch":
      return unprotect(operator, done);
    case "lock-environment":
      return unlock(operator, done);
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

type Did<D extends Done["did"]> = Extract<Done, { did: D }>;

async function pointBack(app: AppView | undefined, { wrote, before }: Did<"point-webhooks">): Answer {
  if (app === undefined) return ok({ left: "the App's key isn't on this machine" });
  const now = await app.readApp();
  if (!now.ok) return now;
  return now.value.webhookUrl === wrote ? whenDone(app.setWebhookUrl(before)) : ok({ left: "they go elsewhere by now" });
}

/** Never opened where a key is behind it: one that was set by hand is in no journal. */
async function unprotect(operator: Operator, { repository, branch }: Did<"protect-branch">): Answer {
  const names = await operator.listEnvironments(repository);
  if (!names.ok) return names;
  for (const name of names.value) {
    const environment = await operator.readEnvironment(repository, name);
    if (!environment.ok) return environment;
    if (environment.value?.hasKey === true) return ok({ left: `the environment ${name} holds a key` });
  }
  return whenDone(operator.unprotectBranch(repository, branch));
}

async function unlock(operator: Operator, { repository, environment: name, before }: Did<"lock-environment">): Answer {
  const environment = await operator.readEnvironment(repository, name);
  if (!environment.ok || environment.value === undefined) return environment.ok ? ok("done") : environment;
  if (environment.value.hasKey) return ok({ left: "it holds a key that init did not put there" });
  return whenDone(
    before === null ? operator.deleteEnvironment(repository, name) : operator.setEnvironment(repository, name, before),
  );
}

/** A repository goes only where it is the one that was made, and nothing is in it but what `init` has put there. */
async function removeRepository(operator: Operator, { repository, id }: Did<"create-repository">, journal: Journal): Answer {
  const found = await operator.readRepository(repository);
  if (!found.ok || found.value === undefined) return found.ok ? ok("done") : found;
  if (found.value.id !== id) return ok({ left: "it is not known to be the one that init made" });
  const contents = await operator.readContents(repository);
  if (!contents.ok) return contents;
  const { files, branches, open } = contents.value;
  if (files === null) return ok({ left: "it holds too many files to be looked through" });
  const ours = writtenIn(journal, repository);
  const others = [...files].flatMap(([path, blob]) => {
    const text = ours.get(path);
    return text !== undefined && gitBlobId(Buffer.from(text)) === blob ? [] : [path];
  });
  if (others.length > 0) return ok({ left: `it holds what init did not write: ${others.slice(0, 5).join(", ")}` });
  const proposed = journal.done.some((each) => each.did === "propose-files" && each.repository === repository) ? 1 : 0;
  if (open > proposed) return ok({ left: "it has open issues or pull requests" });
  const strangers = branches.filter((branch) => branch !== found.value?.defaultBranch && branch !== INIT_BRANCH);
  if (strangers.length > 0) return ok({ left: `it has other branches: ${strangers.slice(0, 5).join(", ")}` });
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
  if (text !== wrote) return ok({ left: "it has been changed since" });
  return whenDone(
    before === null ? operator.deleteFile(repository, path, blob) : operator.writeFile(repository, path, before, blob),
  );
}

async function whenDone(answered: Promise<Result<void, GitHubFailure>>): Answer {
  const result = await answered;
  return result.ok ? ok("done") : result;
}
