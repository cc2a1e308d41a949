import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseScript, type Script } from "#playground/model/script.ts";

export { sampleFiles } from "#playground/sample.ts";

const PLAYGROUND = join(import.meta.dirname, "../../playground");

export function sampleScript(): Script {
  const script = parseScript(readFileSync(join(PLAYGROUND, "sample-script.json"), "utf8"));
  if (!script.ok) throw new Error(script.error);
  return script.value;
}

export const SAMPLE_ISSUE = {
  title: "The last page of the export is missing",
  body: "250 customers, 200 lines in `export.csv`.",
};
