import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { ROOT } from "#playground/world.ts";

const Pain = z.strictObject({
  what: z.string().min(1),
  /** Where people say so: `owner/repository#number`. */
  threads: z.array(z.string().regex(/^[\w.-]+\/[\w.-]+#\d+$/)).min(1),
  /** What would bring it to us: `find` stands in the file once. */
  patch: z.strictObject({ file: z.string(), find: z.string().min(1), replace: z.string() }),
});
export type Pain = z.infer<typeof Pain>;

/** By name, as pains.test.ts has them. Throws where the file is no list of pains. */
export function readPains(): ReadonlyMap<string, Pain> {
  const text = readFileSync(join(import.meta.dirname, "pains.yml"), "utf8");
  return new Map(Object.entries(z.record(z.string(), Pain).parse(parse(text))));
}

/** The source with the pain in it. Throws where the line is not there once. */
export function worsened({ patch: { file, find, replace } }: Pain): string {
  const source = readFileSync(join(ROOT, file), "utf8");
  const times = source.split(find).length - 1;
  if (times !== 1) throw new Error(`${file} has ${String(times)} times, not once: ${find}`);
  return source.replace(find, () => replace);
}
