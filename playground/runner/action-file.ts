import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { err, ok, type Result } from "#core/wire/result.ts";

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** The part of an action's metadata this runner uses. Other `using:` are refused. */
const ActionFile = z.object({
  name: z.string(),
  inputs: z.record(z.string(), z.object({ default: scalar.optional(), required: z.boolean().optional() }).nullable()).default({}),
  runs: z.object({
    using: z.literal(["node20", "node24"]),
    main: z.string(),
    post: z.string().optional(),
    "post-if": z.string().default("always()"),
    pre: z.never({ error: "`pre` is not known to the playground's runner" }).optional(),
  }),
});

export type LocalAction = {
  readonly name: string;
  /** Inputs with their defaults, not yet evaluated; an input without one is "". */
  readonly defaults: Readonly<Record<string, string>>;
  readonly main: string;
  readonly post: string | undefined;
  readonly postIf: string;
};

/**
 * Finds what `uses:` names among the actions known here.
 * A tag or branch can be moved by whoever owns the action; so nothing but a full commit SHA is accepted, as GitHub's
 * own policy "require actions to be pinned to a full-length commit SHA" has it.
 */
export function resolveAction(reference: string, known: Readonly<Record<string, string>>): Result<string, string> {
  const [, path, ref] = /^([^@]+)@(.+)$/.exec(reference) ?? [];
  if (path === undefined || ref === undefined) return err(`\`uses: ${reference}\` is not owner/repository/path@SHA`);
  if (!/^[0-9a-f]{40}$/.test(ref)) {
    return err(`The action ${reference} is not pinned to a full-length commit SHA`);
  }
  const folder = known[path];
  if (folder === undefined) {
    const list = Object.keys(known).join(", ") || "none";
    return err(`Unable to resolve action ${reference}, the playground's runner knows: ${list}`);
  }
  return ok(folder);
}

/** Reads `action.yml` in a folder. Errors: missing, not YAML, or not a node20/node24 action. */
export async function readAction(folder: string): Promise<Result<LocalAction, string>> {
  const path = join(folder, "action.yml");
  let raw: unknown;
  try {
    raw = parse(await readFile(path, "utf8"));
  } catch (error) {
    return err(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const action = ActionFile.safeParse(raw);
  if (!action.success) return err(`${path}: ${z.prettifyError(action.error)}`);
  const { name, inputs, runs } = action.data;
  return ok({
    name,
    defaults: Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, input?.default ?? ""])),
    main: join(folder, runs.main),
    post: runs.post === undefined ? undefined : join(folder, runs.post),
    postIf: runs["post-if"],
  });
}
