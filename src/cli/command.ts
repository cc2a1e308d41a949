import { parseArgs } from "node:util";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { Explanation, OwnerPool } from "#app/pool-report.ts";
import { renderPools } from "./pool.ts";
import { renderExplanation } from "./why.ts";

export const HELP = `agent-pool pool [OWNER] [--json]   each credential: windows, headroom, holds, cooldown, month's cost
agent-pool why TASK [--json]       why a task's credential was chosen; TASK is its id, or owner/repository#issue

The store is found as the app finds it: DATABASE_URL, or the folder AGENT_POOL_DATA (./.agent-pool).
`;

export type Asked = { readonly what: "pool" | "why"; readonly of: string | undefined; readonly json: boolean };

/** The command line → what is asked, or one line that says what is wrong. Pure. */
export function readCommand(args: readonly string[]): Result<Asked | "help", string> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
      allowPositionals: true,
    });
    const [what, of, ...more] = positionals;
    if (values.help || what === undefined) return ok("help");
    if (what !== "pool" && what !== "why") return err(`there is no command \`${what}\`; see agent-pool --help`);
    if (what === "why" && of === undefined) return err("`why` needs a task: its id, or owner/repository#issue");
    if (more.length > 0) return err(`\`${what}\` takes one word; see agent-pool --help`);
    return ok({ what, of, json: values.json });
  } catch (error) {
    return err(`${error instanceof Error ? error.message.split("\n")[0] : "wrong options"}; see agent-pool --help`);
  }
}

/** The answer as it is printed. It was made by this program, of this version or by the one that runs. */
export function render({ what, json }: Asked, answer: unknown): string {
  if (json) return `${JSON.stringify(answer, null, 2)}\n`;
  return what === "pool" ? renderPools(answer as OwnerPool[]) : renderExplanation(answer as Explanation);
}
