import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { Script } from "#playground/model/script.ts";

/**
 * Where a secret, a deed or an order would be seen if it got through; each is listened to, none is guessed at. What each
 * holds is said in README.md.
 */
export const PLACES = [
  "conversation", "provider", "tcp", "udp", "socket", "outside", "github-api", "app-api", "tree", "commit", "pull", "comment", "outcome", "log",
] as const; // prettier-ignore
export type Place = (typeof PLACES)[number];
export const SECRETS = ["key", "runToken", "fetchToken"] as const;
export type Secret = (typeof SECRETS)[number];

const Leak = z.union(
  [
    z.strictObject({ in: z.enum(PLACES), text: z.string().min(1) }),
    z.strictObject({ in: z.enum(PLACES), pattern: z.string().min(1) }),
    z.strictObject({ in: z.enum(PLACES), secret: z.enum(SECRETS) }),
  ],
  { error: "a leak is a place (`in`) and what is seen there: `text`, `pattern` or `secret`" },
);
export type Leak = z.infer<typeof Leak>;

const Attack = z.strictObject({
  about: z.string().min(1),
  /** The incident or note it comes from. */
  source: z.string().min(1),
  defence: z.string().min(1),
  every: z.boolean().default(false),
  /** The one harness it is about. */
  on: z.string().optional(),
  by: z.enum(["maintainer", "outsider", "bot"]).default("maintainer"),
  /** Asked for by a comment instead of the label. */
  comment: z.string().optional(),
  issue: z
    .strictObject({ title: z.string().default("The last page is missing"), body: z.string().default("Pages are cut off.") })
    .prefault({}),
  /** The product repository at base, beside a README. */
  files: z.record(z.string(), z.string()).default({}),
  /** Submodules at base. */
  submodules: z.array(z.string()).default([]),
  /** Planted beside the job, outside the sandbox, in a folder of this attack's own. */
  outside: z.record(z.string(), z.string()).default({}),
  script: Script.default([]),
  leak: z.array(Leak).min(1),
});
export type Attack = z.infer<typeof Attack> & { readonly name: string };

/** All `*.yml` of a folder, by name. Throws on the first that is no attack, with its path and what is wrong. */
export function loadCorpus(folder: string): Attack[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".yml"));
  return files.toSorted().map((file) => {
    const document = parseDocument(readFileSync(join(folder, file), "utf8"));
    const [fault] = document.errors;
    const parsed = Attack.safeParse(document.toJS());
    if (fault !== undefined || !parsed.success)
      throw new Error(`${join(folder, file)}:\n${fault?.message ?? (parsed.success ? "" : z.prettifyError(parsed.error))}`);
    return { ...parsed.data, name: basename(file, ".yml") };
  });
}

/** `{{name}}` → its value, in every text of a value. Throws on a name nobody knows. Pure. */
export function fillIn<T>(value: T, values: Readonly<Record<string, string>>): T {
  if (typeof value === "string") {
    return value.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const known = values[name];
      if (known === undefined) throw new Error(`there is no {{${name}}}; known are ${Object.keys(values).join(", ")}`);
      return known;
    }) as T;
  }
  if (Array.isArray(value)) return value.map((each: unknown) => fillIn(each, values)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [fillIn(key, values), fillIn(each, values)])) as T;
}
