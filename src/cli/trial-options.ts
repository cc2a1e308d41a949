import { parseArgs } from "node:util";
import { z } from "zod";
import { Amount, RepositoryName } from "#core/config/shapes.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { MicroUsd } from "#core/wire/units.ts";
import type { NewTrial } from "#ports/trial.ts";
import { wrongOptions } from "./text.ts";

export const TRIAL_HELP = `agent-pool trial OWNER/REPO --routes A,B,… [options]    your own benchmark: merged pull requests, done again by each route, judged by
                                                        the tests that their merges added; shows what it would cost, and asks
agent-pool trial ID [--yes] [--json]                    goes on with one: begins it, watches it, shows its table
agent-pool trial ID --stop                              nothing of it starts any more; what runs is still judged

  --routes A,B,…    each a tier, a harness, a model, or HARNESS:MODEL[:EFFORT], of what the policy's \`tiers\` offer
  --last N          how many pull requests, the newest that can be tried (20)
  --budget $X       what all of it may cost at list price, runners included; unset, twice what is expected
  --yes             begins without asking
  --json            every pull request and route with its mark, micro-dollars and milliseconds, and the table

The running app does the work, under the policy's budgets and behind all other work; on GitHub nothing of it is seen. Ctrl-C leaves it running.
`;

/** A trial that is asked for, as it is sent to the app. */
export const Asking = z.strictObject({
  repository: RepositoryName,
  last: z.number().int().min(1).max(100),
  routes: z.array(z.string().min(1).max(100)).min(1).max(10),
  budget: z.number().int().positive().transform(MicroUsd).nullable(),
});

export type TrialOptions = {
  readonly trial: Omit<NewTrial, "id"> | { readonly id: string };
  readonly yes: boolean;
  readonly json: boolean;
  readonly stop: boolean;
};

const TRIAL_ID = /^trial-[0-9a-f]{8}$/;

/** The words after `trial` → what is asked for, or one line that says what is wrong. Pure. */
export function readTrialOptions(args: readonly string[]): Result<TrialOptions | "help", string> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: {
        routes: { type: "string" },
        last: { type: "string", default: "20" },
        budget: { type: "string" },
        yes: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        stop: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
      allowPositionals: true,
    });
    if (values.help) return ok("help");
    const [of = "", ...more] = positionals;
    const { yes, json, stop, routes, last, budget } = values;
    if (more.length > 0) return err("`trial` takes one word, a repository or a trial's id; see agent-pool trial --help");
    if (TRIAL_ID.test(of)) {
      if (routes !== undefined || budget !== undefined)
        return err(`${of} has its routes and its budget; another trial begins with a repository`);
      return ok({ trial: { id: of }, yes, json, stop });
    }
    if (!RepositoryName.safeParse(of).success)
      return err("`trial` needs a repository, like acme/web, or a trial's id; see agent-pool trial --help");
    if (stop) return err("--stop needs a trial's id");
    const words = [...new Set((routes ?? "").split(",").filter(Boolean))];
    if (words.length === 0) return err("--routes should name at least one, like light,codex; see agent-pool trial --help");
    if (!/^[1-9]\d?$|^100$/.test(last)) return err("--last should be a number of pull requests, from 1 to 100");
    const amount = budget === undefined ? null : Amount.safeParse(budget.startsWith("$") ? budget : `$${budget}`);
    if (amount?.success === false) return err(`--budget ${amount.error.issues[0]?.message ?? "is no amount"}`);
    return ok({ trial: { repository: of, last: Number(last), routes: words, budget: amount?.data ?? null }, yes, json, stop });
  } catch (error) {
    return err(wrongOptions(error, "agent-pool trial"));
  }
}
