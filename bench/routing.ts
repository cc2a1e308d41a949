import { parseArgs } from "node:util";
import { readData } from "./routing/data.ts";
import { evaluate } from "./routing/evaluate.ts";
import { sizeIssues } from "./routing/sizing.ts";
import { readTrees, type Trees } from "./routing/trees.ts";
import { renderEvaluation } from "./routing/table.ts";

/** The evaluation of sizing and routing: `npm run bench:routing -- --data DIR [--repos DIR] [--json]`. */
const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, data: { type: "string" }, repos: { type: "string" } },
});
if (values.data === undefined) {
  process.stderr.write(
    "bench:routing needs --data DIR, with instances.jsonl, runs.jsonl and runs_meta.jsonl; see bench/README.md\n",
  );
  process.exitCode = 2;
} else {
  const data = readData(values.data);
  const named = data.issues.map(({ repository }) => repository);
  const trees: Trees = values.repos === undefined ? new Map() : readTrees(values.repos, named);
  const evaluation = evaluate(data, (issues) => sizeIssues(issues, trees));
  process.stdout.write(values.json ? `${JSON.stringify(evaluation, null, 2)}\n` : renderEvaluation(evaluation));
}
