import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { z } from "zod";

const Positive = z.number().positive();
const Ratios = z.strictObject({ "1": Positive, "16": Positive });
const Tasks = z.object({
  acknowledged: Positive,
  beforeKill: Positive,
  lost: z.literal(0),
  opened: Positive,
  unanswered: z.int().nonnegative(),
  waiting: z.literal(0),
});
const Report = z.object({
  servers: z.array(
    z.strictObject({
      name: z.string(),
      engine: z.enum(["pglite", "postgres"]).nullable(),
      callers: z.literal([1, 16]),
      perSecond: Positive,
      p50Ms: Positive,
      p99Ms: Positive,
    }),
  ),
  ratioToNoop: z.strictObject({ pglite: Ratios, postgres: Ratios }),
  tasks: z.strictObject({ pglite: Tasks, postgres: Tasks }),
});

it("the webhook benchmark, cut short, measures four servers, kills the app in mid-run, and finds a task for each acknowledged delivery", async () => {
  const program = join(import.meta.dirname, "../../bench/webhook.ts");

  const { stdout } = await promisify(execFile)(process.execPath, [program, "--json", "--rounds", "1", "--deliveries", "24"]);

  const { servers, tasks } = Report.parse(JSON.parse(stdout));
  expect(servers.map(({ name, engine, callers }) => [name, engine, callers])).toEqual(
    [1, 16].flatMap((callers) => [
      ["HMAC check", null, callers],
      ["no-op Probot", null, callers],
      ["agent-pool", "pglite", callers],
      ["agent-pool", "postgres", callers],
    ]),
  );
  for (const { acknowledged, opened, unanswered } of Object.values(tasks)) expect(opened).toBe(acknowledged + unanswered);
}, 300_000);
