import { parseArgs } from "node:util";
import { readData } from "./routing/data.ts";
import { evaluate } from "./routing/evaluate.ts";
import { sizeIssues } from "./routing/sizing.ts";
import { renderEvaluation } from "./routing/table.ts";

/** The evaluation of sizing and routing: `npm run bench:routing -- --data DIR [--json]`. */
const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, data: { type: "string" } },
});
if (values.data === undefined) {
  process.stderr.write(
    "bench:routing needs --data DIR, with instances.jsonl, runs.jsonl and runs_meta.jsonl; see bench/README.md\n",
  );
  process.exitCode = 2;
} else {
  const evaluation = evaluate(readData(values.data), sizeIssues);
  process.stdout.write(values.json ? `${JSON.stringify(evaluation, null, 2)}\n` : renderEvaluation(evaluation));
}
