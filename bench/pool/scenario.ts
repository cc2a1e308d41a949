import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Size } from "#core/wire/contract.ts";

/** One setting of the simulated world; bench/scenarios/README.md says what the fields mean. */
export const Scenario = z.strictObject({
  name: z.string(),
  about: z.string(),
  days: z.number().positive(),
  loads: z.array(z.number().positive()).min(1),
  maxSeeds: z.int().positive().optional(),
  seats: z.array(z.strictObject({ plan: z.string(), count: z.int().positive(), fiveHourUsd: z.number().positive() })).min(1),
  weekInFiveHours: z.number().positive(),
  jobs: z.strictObject({
    sizes: z.record(Size, z.strictObject({ share: z.number(), medianUsd: z.number().positive() })),
    sigma: z.number().nonnegative(),
    largestOfSmallestFiveHour: z.number().positive(),
    usdPerHour: z.number().positive(),
    rateSigma: z.number().nonnegative(),
    hintsRight: z.number().min(0).max(1),
    repositories: z.int().positive(),
  }),
  arrivals: z.discriminatedUnion("profile", [
    z.strictObject({ profile: z.literal("steady") }),
    z.strictObject({ profile: z.literal("working-hours") }),
    z.strictObject({ profile: z.literal("bursts"), size: z.int().positive() }),
  ]),
  teams: z.array(z.strictObject({ name: z.string(), weight: z.number().nonnegative(), share: z.number().nonnegative() })).min(1),
  hidden: z.strictObject({ share: z.number().min(0).max(0.95), pattern: z.enum(["sessions", "steady"]) }),
  observation: z.strictObject({ everyMinutes: z.number().positive().nullable(), quantum: z.number().positive() }),
  scopedModel: z.strictObject({ jobs: z.number().min(0).max(1), ofWeek: z.number().positive() }).nullable(),
  resets: z.strictObject({ jitterSeconds: z.number().nonnegative(), earlyPerSeatWeek: z.number().min(0).max(1) }),
  revoked: z.strictObject({ seat: z.int().nonnegative(), atDay: z.number().nonnegative() }).nullable(),
  lostEnds: z.strictObject({ share: z.number().min(0).max(1), deadlineMinutes: z.number().positive() }),
  hog: z.strictObject({ team: z.string(), jobs: z.int().positive(), atDay: z.number().nonnegative() }).nullable(),
  late: z.strictObject({ team: z.string(), fromDay: z.number().nonnegative() }).nullable(),
});
export type Scenario = z.infer<typeof Scenario>;

type Fields = Record<string, unknown>;

export function loadScenarios(folder: string): Scenario[] {
  const files = new Map(
    readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .toSorted()
      .map((name) => [name.replace(/\.json$/, ""), JSON.parse(readFileSync(join(folder, name), "utf8")) as Fields]),
  );
  return [...files.values()].map((fields) => {
    const { of, ...own } = fields;
    const base = typeof of === "string" ? files.get(of) : {};
    if (base === undefined) throw new Error(`${String(fields["name"])}: there is no scenario "${String(of)}"`);
    return Scenario.parse(merge(base, own));
  });
}

/** What `own` states, over `base`; objects one level deep. */
function merge(base: Fields, own: Fields): Fields {
  const merged: Fields = { ...base };
  for (const [key, value] of Object.entries(own)) {
    const before = base[key];
    merged[key] = isFields(before) && isFields(value) && !("profile" in value) ? { ...before, ...value } : value;
  }
  return merged;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
