import { z } from "zod";
import { err, ok, type Result } from "#core/wire/result.ts";

const Path = z
  .string()
  .refine(
    (path) => path !== "" && !path.startsWith("/") && !path.split("/").includes(".."),
    "should be a path inside the repository",
  );

const EXAMPLE = '[{"write":{"path":"a.txt","content":"…"}}, {"run":"npm test"}, {"say":"Done."}]';

const Step = z.union(
  [
    z.strictObject({ write: z.strictObject({ path: Path, content: z.string() }) }),
    z.strictObject({ run: z.string().min(1, "should be a command") }),
    z.strictObject({ read: z.string().min(1, "should be a path") }),
    z.strictObject({ say: z.string().min(1, "should be some words") }),
  ],
  { error: 'a step is {"write":{"path","content"}}, {"run":"…"}, {"read":"…"} or {"say":"…"}' },
);

/**
 * What a scripted model does, in words of no harness. `path` is relative to the folder the harness works in; `read` opens a
 * file with the harness's own tool, from anywhere. Each `write`, `run` and `read` is one turn; a `say` is spoken with the step after it, or closes the conversation.
 */
export const Script = z.array(Step, { error: `should be a list of steps, like ${EXAMPLE}` });
export type Script = z.infer<typeof Script>;

/** Parses a script file. Errors: one text that names each wrong step. */
export function parseScript(text: string): Result<Script, string> {
  let raw: unknown;
  try {
    raw = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    return err(`the script is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const script = Script.safeParse(raw);
  if (script.success && script.data.length === 0) return err(`the script has no steps; it should be like ${EXAMPLE}`);
  return script.success ? ok(script.data) : err(`the script is wrong:\n${z.prettifyError(script.error)}`);
}

export type ToolStep =
  | { readonly kind: "write"; readonly path: string; readonly content: string }
  | { readonly kind: "run"; readonly command: string }
  | { readonly kind: "read"; readonly path: string };

/** One answer of the model: words, and the tool it calls; without a tool the conversation ends. */
export type Turn = { readonly say: string | undefined; readonly tool: ToolStep | undefined };

function toolOf(step: Exclude<Script[number], { say: string }>): ToolStep {
  if ("run" in step) return { kind: "run", command: step.run };
  return "read" in step ? { kind: "read", path: step.read } : { kind: "write", ...step.write };
}

const CLOSING = "Done. I made the change and checked it.";

/** The answer at a turn, counted from 0 by tool results. Past the end, the closing text again. Pure. */
export function turnOf(script: Script, turn: number): Turn {
  const turns: Turn[] = [];
  let spoken: string[] = [];
  for (const step of script) {
    if ("say" in step) spoken.push(step.say);
    else {
      turns.push({ say: spoken.length > 0 ? spoken.join("\n\n") : undefined, tool: toolOf(step) });
      spoken = [];
    }
  }
  const closing: Turn = { say: spoken.length > 0 ? spoken.join("\n\n") : CLOSING, tool: undefined };
  return turns[turn] ?? closing;
}
