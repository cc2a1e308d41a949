import { parseArgs } from "node:util";
import { err, ok, unreachable, type Result } from "#core/wire/result.ts";
import type { ClearedCredential } from "#app/clear.ts";
import type { Explanation, OwnerPool } from "#app/pool-report.ts";
import type { OwnerRouting } from "#app/routing-report.ts";
import { wrongOptions } from "./text.ts";
import { renderCleared, renderPools } from "./pool.ts";
import { renderRoutings } from "./report.ts";
import { renderExplanation } from "./why.ts";

export const HELP = `agent-pool start                   the app; without a GitHub App, the page on which one is made
agent-pool init OWNER [--help]     sets an organisation up: runner repository, keys, policy; shows each step first
agent-pool doctor OWNER [--help]   proves a set-up: what fails, why, and what to paste to mend it
agent-pool plan [--help]           what would be done with an issue, and what it is expected to cost; spends nothing
agent-pool demo [--help]           the whole main job on this machine, without an account
agent-pool pool [OWNER] [--json]   each credential: windows, headroom, holds, cooldown, month's cost
agent-pool why TASK [--json]       why a task's credential was chosen; TASK is its id, or owner/repository#issue
agent-pool report routing [OWNER]  what each route has come to, and whether routing has paid; takes --json as well
agent-pool trial OWNER/REPO        your own benchmark: merged pull requests again, by several routes; see agent-pool trial --help
agent-pool clear CREDENTIAL        ends its rest or its quarantine, once its key is replaced; OWNER/CREDENTIAL if two have one

Variables stand in the environment, or in .env. The store is found as the app finds it: DATABASE_URL, or the folder
AGENT_POOL_DATA (./.agent-pool).
`;

const WHAT = ["pool", "why", "report", "clear"] as const;
type What = (typeof WHAT)[number];
export type Asked = { readonly what: What; readonly of: string | undefined; readonly json: boolean };

/** The command line → what is asked, or one line that says what is wrong. Pure. */
export function readCommand(args: readonly string[]): Result<Asked | "help", string> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
      allowPositionals: true,
    });
    const [command, ...words] = positionals;
    if (values.help || command === undefined) return ok("help");
    const what = WHAT.find((each) => each === command);
    if (what === undefined) return err(`there is no command \`${command}\`; see agent-pool --help`);
    if (what === "report" && words.shift() !== "routing") return err("`report` needs what it is of: `report routing`");
    const [of, ...more] = words;
    if (what === "why" && of === undefined) return err("`why` needs a task: its id, or owner/repository#issue");
    if (what === "clear" && of === undefined) return err("`clear` needs a credential: its name in the policy");
    if (more.length > 0) return err(`there is a word too many, \`${more.join(" ")}\`; see agent-pool --help`);
    return ok({ what, of, json: values.json });
  } catch (error) {
    return err(wrongOptions(error, "agent-pool"));
  }
}

/** The answer as it is printed. It was made by this program, of this version or by the one that runs. */
export function render({ what, json }: Asked, answer: unknown): string {
  if (json) return `${JSON.stringify(answer, null, 2)}\n`;
  switch (what) {
    case "pool":
      return renderPools(answer as OwnerPool[]);
    case "why":
      return renderExplanation(answer as Explanation);
    case "report":
      return renderRoutings(answer as OwnerRouting[]);
    case "clear":
      return renderCleared(answer as ClearedCredential);
    default:
      return unreachable(what);
  }
}
