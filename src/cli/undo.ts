import { err, ok, type Result } from "#core/wire/result.ts";
import { describeUndo, planUndo, planUndoWithin, type Journal } from "#core/setup/journal.ts";
import { missingScopes } from "#core/setup/scopes.ts";
import { undoStep } from "#app/undo.ts";
import { explainInitProblem, explainScopes } from "./init-words.ts";
import type { InitOptions } from "./init-options.ts";
import type { InitTools } from "./init.ts";

type UndoTools = Pick<InitTools, "operator" | "app" | "terminal" | "pages" | "readJournal" | "writeJournal">;

/** `agent-pool init --undo`: takes back what the journal says, the last first. The error is one line that says what to do. */
export async function runUndo({ owner, yes, dryRun }: InitOptions, tools: UndoTools): Promise<Result<void, string>> {
  const { operator, app, terminal } = tools;
  let journal = await tools.readJournal();
  if (journal.done.length === 0)
    return err(`nothing is known here of what init has done for ${owner}: run this in the folder where init ran`);
  const self = await operator.readSelf();
  if (!self.ok) return err(explainInitProblem(self.error));
  const plan = planUndo(journal);
  terminal.say(["To be taken back:", ...plan.map((done, at) => `  ${String(at + 1)}. ${describeUndo(done)}`)].join("\n"));
  const scopes = missingScopes(self.value, "User", plan);
  if (scopes.length > 0) return err(explainScopes(scopes, tools.pages));
  if (dryRun) return ok(undefined);
  if (!yes) {
    if (!terminal.interactive)
      return err("nothing was taken back: nobody can be asked here. Run it in a terminal, or with --yes");
    if (!(await terminal.confirm("Take all of it back?"))) return err("nothing was taken back");
  }

  let left = 0;
  const toDo = [...plan];
  for (let done = toDo.shift(); done !== undefined; done = toDo.shift()) {
    const undone = await undoStep({ operator, app }, done, journal);
    if (!undone.ok) return err(`${describeUndo(done)}: ${explainInitProblem(undone.error)}; run it again to go on`);
    if (undone.value === "done") {
      journal = without(journal, done);
      await tools.writeJournal(journal);
      terminal.say(`done: ${describeUndo(done)}`);
    } else {
      left += 1;
      if (done.did === "create-repository") toDo.unshift(...planUndoWithin(journal, done.repository));
      terminal.say(`not done, since ${undone.value.left}: ${describeUndo(done)}`);
    }
  }
  return left === 0 ? ok(undefined) : err(`what was not done is said above; the rest is taken back`);
}

/** With a repository goes all that was in it. */
function without(journal: Journal, done: Journal["done"][number]): Journal {
  const isGone = (each: Journal["done"][number]) =>
    each === done || (done.did === "create-repository" && each.repository === done.repository);
  return { ...journal, done: journal.done.filter((each) => !isGone(each)) };
}
