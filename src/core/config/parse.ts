import { isMap, isScalar, LineCounter, parseDocument, visit, type Document } from "yaml";
import type { z } from "zod";
import type { Failure, Problem } from "../wire/failure.ts";
import { err, ok, type Result } from "../wire/result.ts";

export type ConfigInvalid = Extract<Failure, { reason: "config-invalid" }>;

/**
 * YAML text → a value of `schema`, or every problem with its place. Never a default for a broken file: a file that
 * can't be read refuses work, it doesn't fall back to looser rules. `file` is how its author knows it.
 */
export function parseConfig<T>(file: string, text: string, schema: z.ZodType<T>): Result<T, ConfigInvalid> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false });
  const broken = document.errors[0];
  if (broken !== undefined) {
    const at = lines.linePos(broken.pos[0]);
    return invalid(file, [
      {
        path: "(file)",
        line: at.line,
        column: at.col,
        found: "text that is not YAML",
        expected: expectedOf(broken.message),
      },
    ]);
  }
  const alias = firstAlias(document);
  if (alias !== undefined) {
    const at = lines.linePos(alias.offset);
    return invalid(file, [
      {
        path: "(file)",
        line: at.line,
        column: at.col,
        found: `\`*${alias.name}\``,
        expected: "aliases are not read here; write the value out",
      },
    ]);
  }
  const value: unknown = document.toJS();
  const parsed = schema.safeParse(value, { error: expectedIn });
  if (parsed.success) return ok(parsed.data);
  return invalid(
    file,
    parsed.error.issues.flatMap((issue) => {
      const keys = issue.code === "unrecognized_keys" ? issue.keys : [undefined];
      return keys.map((key) => toProblem(issue, key, value, document, lines));
    }),
  );
}

export type Place = { readonly line: number; readonly column: number };

/** Where settings begin in a YAML text, or the deepest part of their path that is there. Lines and columns count from 1. Pure. */
export function placesIn(text: string): (path: readonly PropertyKey[]) => Place {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false });
  return (path) => {
    const { line, col } = lines.linePos(offsetOf(document, path));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
}

function invalid(file: string, problems: readonly Problem[]): Result<never, ConfigInvalid> {
  return err({ reason: "config-invalid", file, problems });
}

/** The parser's own words, without the place it adds to them. A file of nothing but brackets ends its stack. */
function expectedOf(message: string): string {
  if (message.includes("call stack")) return "should not be nested deeper than the settings are";
  return message.split("\n")[0]?.replace(/ at line .*$/, "") ?? "should be YAML";
}

/** An alias has no use in these files, and expanding one is how a small file becomes a huge value. */
function firstAlias(document: Document): { name: string; offset: number } | undefined {
  let found: { name: string; offset: number } | undefined;
  visit(document, {
    Alias(_key, node) {
      found = { name: node.source, offset: node.range?.[0] ?? 0 };
      return visit.BREAK;
    },
  });
  return found;
}

const SHOULD_BE: Readonly<Record<string, string>> = {
  array: "should be a list, like `[one, two]`",
  object: "should be settings, each with its name, like `name: value`",
  record: "should be settings, each with its name, like `name: value`",
  string: "should be a text",
  number: "should be a number",
  int: "should be a whole number",
  boolean: "should be true or false",
};

/** What a setting should be, where its schema doesn't say it in words of its own. */
function expectedIn(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_type") return SHOULD_BE[issue.expected];
  if (issue.code === "invalid_value") return `should be ${issue.values.map((value) => `\`${String(value)}\``).join(" or ")}`;
  if (issue.code === "invalid_key") return issue.issues[0]?.message;
  const be = "origin" in issue && issue.origin === "array" ? "list" : "be";
  if (issue.code === "too_small") return `should ${be} ${String(issue.minimum)} or more`;
  if (issue.code === "too_big") return `should ${be} ${String(issue.maximum)} or less`;
  return undefined;
}

function toProblem(
  issue: z.core.$ZodIssue,
  unknownKey: string | undefined,
  value: unknown,
  document: Document,
  lines: LineCounter,
): Problem {
  const path = unknownKey === undefined ? issue.path : [...issue.path, unknownKey];
  const at = lines.linePos(offsetOf(document, path));
  return {
    path: path.map(String).join(".") || "(file)",
    line: at.line,
    column: at.col,
    found: show(valueAt(value, path)),
    expected: unknownKey === undefined ? issue.message : `\`${unknownKey}\` is not a setting; check its spelling or remove it`,
  };
}

/** Where a path begins in the text: the key of the deepest part of it that exists. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent: unknown = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === key);
      if (pair !== undefined && isScalar(pair.key) && pair.key.range) return pair.key.range[0];
    }
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isScalar(node) && node.range) return node.range[0];
    if (isMap(node) && node.range) return node.range[0];
  }
  return 0;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? (Reflect.get(at, key) as unknown) : undefined),
    value,
  );
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return `\`${text.length > 60 ? `${text.slice(0, 57)}…` : text}\``;
}
