import { Evaluator, Lexer, Parser, data } from "@actions/expressions";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";
import { truthy } from "@actions/expressions/result";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/template-token";
import {
  isBasicExpression,
  isBoolean,
  isMapping,
  isNumber,
  isString,
} from "@actions/workflow-parser/templates/tokens/type-guards";

/** What `success()` and its siblings look at. */
export type JobStatus = "success" | "failure" | "cancelled";

/** What an expression may see: each context as plain JSON, and the status so far. */
export type Scope = {
  readonly contexts: Readonly<Record<string, unknown>>;
  readonly status: JobStatus;
};

/** Names without a value in a scope evaluate to null, as on GitHub. */
const CONTEXTS = ["github", "inputs", "vars", "secrets", "env", "steps", "needs", "job", "runner", "strategy", "matrix"] as const;

/** Evaluates one expression, without its `${{ }}`. Throws on one that is malformed. Pure. */
export function evaluate(expression: string, scope: Scope): data.ExpressionData {
  const functions = statusFunctions(scope.status);
  const tree = new Parser(new Lexer(expression).lex().tokens, [...CONTEXTS], functions).parse();
  const contexts = new data.Dictionary(...CONTEXTS.map((key) => ({ key, value: toData(scope.contexts[key] ?? null) })));
  return new Evaluator(tree, contexts, new Map(functions.map((f) => [f.name, f]))).evaluate();
}

/** Whether an `if:` holds. The parser has already wrapped one without a status function in `success() && (…)`. */
export function holds(expression: string, scope: Scope): boolean {
  return truthy(evaluate(expression, scope));
}

/** A scalar of the workflow as the string a step sees; an absent one is "". Throws on a mapping or sequence. */
export function textOf(token: TemplateToken | undefined, scope: Scope): string {
  if (token === undefined) return "";
  if (isString(token)) return token.value;
  if (isNumber(token) || isBoolean(token)) return String(token.value);
  if (isBasicExpression(token)) return evaluate(token.expression, scope).coerceString();
  if (token.isScalar) return "";
  throw new Error(`line ${token.line ?? "?"}: a string was expected`);
}

/** A mapping such as `env:` or `with:`, evaluated entry by entry. */
export function recordOf(token: TemplateToken | undefined, scope: Scope): Record<string, string> {
  if (token === undefined || !isMapping(token)) return {};
  return Object.fromEntries([...token].map((pair) => [textOf(pair.key, scope), textOf(pair.value, scope)]));
}

/** A string of an action's metadata (an input's default), in which `${{ }}` may stand. */
export function interpolate(text: string, scope: Scope): string {
  return text.replace(/\$\{\{([\s\S]*?)\}\}/g, (_, expression: string) => evaluate(expression, scope).coerceString());
}

function statusFunctions(status: JobStatus): FunctionDefinition[] {
  const define = (name: string, value: boolean): FunctionDefinition => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(value),
  });
  return [
    define("success", status === "success"),
    define("failure", status === "failure"),
    define("cancelled", status === "cancelled"),
    define("always", true),
  ];
}

function toData(value: unknown): data.ExpressionData {
  return JSON.parse(JSON.stringify(value), data.reviver) as data.ExpressionData;
}
