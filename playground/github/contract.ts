import { Ajv, type ValidateFunction } from "ajv";
import formats from "ajv-formats";
import { readFileSync } from "node:fs";
import type { ContractOperation, ContractParameter, ContractSchema, RestContract } from "./contract-types.ts";
import { isRecord } from "./answers.ts";
import { describeErrors } from "./webhook-contract.ts";

/**
 * Checks requests and answers against GitHub's own OpenAPI, cut to our routes by `scripts/github-contract.ts`.
 * Compiled route by route when first used: the whole would cost every test file a second.
 */
const contract = JSON.parse(readFileSync(new URL("contract/rest.json", import.meta.url), "utf8")) as RestContract;

const answers = makeAjv(false);
const requests = makeAjv(false);
/** Parameters arrive as text: `per_page=100` must pass as an integer. */
const parameters = makeAjv(true);

const compiled = new Map<string, ValidateFunction>();

export type Exchange = {
  readonly route: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly status: number;
  readonly answer: unknown;
  /** A raw media type was asked for, so the answer is not JSON. */
  readonly raw: boolean;
};

/** Everything in one exchange that GitHub's contract does not allow. */
export function checkExchange(exchange: Exchange): readonly string[] {
  const operation = contract.operations[exchange.route];
  if (operation === undefined) return [`${exchange.route}: not a route of the contract`];
  const wrong = [
    ...checkParameters(operation, exchange),
    ...checkBody(operation, exchange),
    ...(exchange.raw ? [] : checkAnswer(operation, exchange)),
  ];
  return wrong.map((error) => `${exchange.route}: ${error}`);
}

function checkParameters(operation: ContractOperation, exchange: Exchange): string[] {
  const known = (place: string): Map<string, ContractParameter> =>
    new Map(operation.parameters.filter((parameter) => parameter.in === place).map((parameter) => [parameter.name, parameter]));
  const query = known("query");
  const unknown = Object.keys(exchange.query).filter((name) => !query.has(name));
  const missing = [...query.values()].filter(({ name, required }) => required && exchange.query[name] === undefined);
  const path = known("path");
  const given = [
    ...Object.entries(exchange.query).map(([name, value]) => [query.get(name), value] as const),
    ...Object.entries(exchange.params).map(([name, value]) => [path.get(name), value] as const),
  ];
  return [
    ...unknown.map((name) => `unknown query parameter '${name}'`),
    ...missing.map(({ name }) => `missing query parameter '${name}'`),
    ...given.flatMap(([parameter, value]) => {
      if (parameter === undefined || RANGES.has(parameter.name)) return [];
      const validate = compile(parameters, `${exchange.route}?${parameter.in}.${parameter.name}`, () => wrap(parameter.schema));
      return validate({ value }) ? [] : describeErrors(validate.errors).map((error) => `parameter '${parameter.name}': ${error}`);
    }),
  ];
}

/** Named `date-time` in GitHub's OpenAPI, and a search range by its own description: `>=2026-01-01T00:00:00Z`. */
const RANGES = new Set(["created"]);

function wrap(schema: ContractSchema): ContractSchema {
  return { type: "object", properties: { value: toJsonSchema(schema, false) } };
}

function checkBody(operation: ContractOperation, exchange: Exchange): string[] {
  const { body } = operation;
  const sent = exchange.body !== undefined;
  if (body === undefined) return sent && !isEmpty(exchange.body) ? ["a request body where none belongs"] : [];
  if (!sent) return body.required ? ["missing request body"] : [];
  const validate = compile(requests, `${exchange.route} body`, () => toJsonSchema(body.schema, true));
  return validate(exchange.body) ? [] : describeErrors(validate.errors).map((error) => `body: ${error}`);
}

function isEmpty(body: unknown): boolean {
  return isRecord(body) && Object.keys(body).length === 0;
}

function checkAnswer(operation: ContractOperation, exchange: Exchange): string[] {
  const { status, route } = exchange;
  const documented = operation.responses[String(status)];
  // Any route may refuse (401, 403, 404, 422, 429, 5xx) whether its own page says so or not; then only the form is checked.
  const schema = documented === undefined && status >= 400 ? { $ref: "#/components/schemas/basic-error" } : documented;
  if (schema === undefined) return [`undocumented status ${String(status)}`];
  if (schema === null) return exchange.answer === undefined || status >= 400 ? [] : [`${String(status)} with a body`];
  const validate = compile(answers, `${route} ${String(status)}`, () => toJsonSchema(schema, false));
  return validate(exchange.answer) ? [] : describeErrors(validate.errors).map((error) => `answer ${String(status)}: ${error}`);
}

function compile(ajv: Ajv, key: string, schema: () => ContractSchema): ValidateFunction {
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const validate = ajv.compile(schema());
  compiled.set(key, validate);
  return validate;
}

function makeAjv(coerce: boolean): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true, coerceTypes: coerce ? "array" : false });
  formats.default(ajv);
  // OpenAPI's number formats are ranges JavaScript keeps anyway; `uri` with a template's braces is not one of these.
  for (const name of ["int64", "int32", "timestamp", "repo.nwo", "ssh-key", "hostname"]) ajv.addFormat(name, true);
  const schemas = Object.entries(contract.schemas).map(([name, schema]): [string, ContractSchema] => [
    name,
    toJsonSchema(schema, false),
  ]);
  ajv.addSchema({ $id: "github", components: { schemas: Object.fromEntries(schemas) } });
  return ajv;
}

/**
 * OpenAPI 3.0 to JSON Schema: `nullable` becomes a type or an alternative, `$ref`s point at the shared document.
 * `closed`: an object with named properties takes no others, so that a misspelt field of a request is noticed. Not
 * under `oneOf` and its like, where each alternative lists a part.
 */
function toJsonSchema(schema: ContractSchema, closed: boolean): ContractSchema {
  const convert = (value: unknown, close: boolean): unknown => {
    if (Array.isArray(value)) return value.map((item) => convert(item, false));
    if (!isRecord(value)) return value;
    const combined = ["allOf", "anyOf", "oneOf"].some((key) => key in value);
    const made: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      if (key === "nullable") continue;
      if (key === "$ref" && typeof item === "string") made[key] = `github${item}`;
      else if (key === "properties" && isRecord(item)) {
        made[key] = Object.fromEntries(
          Object.entries(item).map(([name, property]) => [name, convert(property, close && !combined)]),
        );
      } else if (key === "enum" || key === "default") made[key] = item;
      else made[key] = convert(item, close && key === "items");
    }
    if (close && !combined && "properties" in made && !("additionalProperties" in made)) made["additionalProperties"] = false;
    if (value["nullable"] !== true) return made;
    return { anyOf: [{ type: "null" }, made] };
  };
  return convert(schema, closed) as ContractSchema;
}
