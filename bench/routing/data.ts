import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** Real issues, and how models did on each: the documented shape of `--data DIR`, in which this never stands itself. */
export type Data = {
  readonly issues: readonly Issue[];
  /** By model, then by issue: of every issue that was run, one run of every model. */
  readonly runs: ReadonlyMap<string, ReadonlyMap<string, Run>>;
};

export type Issue = {
  readonly id: string;
  /** `owner/name`. */
  readonly repository: string;
  /** What people said it takes; null where nobody did. */
  readonly difficulty: Difficulty | null;
  readonly text: string;
};

export type Run = { readonly resolved: boolean; readonly usd: number };

/** From the quickest. */
export const DIFFICULTIES = ["<15 min fix", "15 min - 1 hour", "1-4 hours", ">4 hours"] as const;
export type Difficulty = (typeof DIFFICULTIES)[number];

const Instance = z.object({
  instance_id: z.string(),
  repo: z.string().regex(/^[\w.-]+\/[\w.-]+$/),
  difficulty: z.enum(DIFFICULTIES).nullable(),
  problem_statement: z.string(),
});
const RunRow = z.object({ run: z.string(), instance_id: z.string(), resolved: z.boolean(), cost_usd: z.number().nonnegative() });
const Meta = z.object({ run: z.string(), model: z.string() });

/** Reads `instances.jsonl`, `runs.jsonl` and `runs_meta.jsonl`. Throws where one is missing or not of the shape, with file and line. */
export function readData(directory: string): Data {
  const models = new Map(readLines(join(directory, "runs_meta.jsonl"), Meta).map(({ run, model }) => [run, model]));
  const runs = new Map<string, Map<string, Run>>();
  for (const row of readLines(join(directory, "runs.jsonl"), RunRow)) {
    const model = models.get(row.run);
    if (model === undefined) throw new Error(`runs.jsonl: runs_meta.jsonl doesn't know the run ${row.run}`);
    const of = runs.get(model) ?? new Map<string, Run>();
    of.set(row.instance_id, { resolved: row.resolved, usd: row.cost_usd });
    runs.set(model, of);
  }
  const issues = readLines(join(directory, "instances.jsonl"), Instance).map((row): Issue => {
    return { id: row.instance_id, repository: row.repo, difficulty: row.difficulty, text: row.problem_statement };
  });
  return { issues, runs };
}

function readLines<Row>(file: string, shape: z.ZodType<Row>): Row[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line, at) => {
      if (line.trim() === "") return [];
      const parsed = shape.safeParse(JSON.parse(line));
      if (parsed.success) return [parsed.data];
      const [issue] = parsed.error.issues;
      throw new Error(`${file}, line ${String(at + 1)}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not of the shape"}`);
    });
}
