import type { ContractOperation, ContractSchema, RestContract } from "../../playground/github/contract-types.ts";

type Json = Record<string, unknown>;
export type OpenApi = {
  readonly paths: Record<string, Record<string, Json>>;
  readonly components: Record<string, Record<string, Json>>;
};

/** Keywords that say nothing about shape. `discriminator` repeats what `oneOf` says, for code generators. */
const SILENT = new Set(["description", "example", "examples", "title", "externalDocs", "deprecated", "discriminator"]);

/**
 * Where GitHub's own document contradicts itself. The list of installations is written out in place with an account
 * that is a user *and* an enterprise (`allOf`), where one installation has `anyOf`: no answer could satisfy the first.
 * A conflict is exactly one (`oneOf`) of two kinds of error, of which one has all that the other has.
 */
const CORRECTED: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "GET /app/installations": { "200": { type: "array", items: { $ref: "#/components/schemas/installation" } } },
  "PUT /repos/{owner}/{repo}/contents/{path}": { "409": { $ref: "#/components/schemas/basic-error" } },
};

/** The named operations with every schema they refer to, and no prose. Schemas keep their `$ref`s. */
export function cutRest(openapi: OpenApi, routes: readonly string[]): RestContract {
  const used = new Map<string, ContractSchema>();
  const keepSchema = (schema: unknown): ContractSchema => {
    const bare = stripSchema(schema);
    for (const name of refsOf(bare)) {
      if (used.has(name)) continue;
      used.set(name, {});
      used.set(name, keepSchema(openapi.components["schemas"]?.[name]));
    }
    return bare;
  };
  const operations: Record<string, ContractOperation> = {};
  for (const route of routes.toSorted()) {
    const [method = "", path = ""] = route.split(" ");
    const operation = openapi.paths[path]?.[method.toLowerCase()];
    if (operation === undefined) throw new Error(`${route} is not in GitHub's OpenAPI`);
    operations[route] = cutOperation(openapi, operation, keepSchema, CORRECTED[route] ?? {});
  }
  keepSchema({ $ref: "#/components/schemas/basic-error" });
  return { operations, schemas: Object.fromEntries([...used].toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

function cutOperation(
  openapi: OpenApi,
  operation: Json,
  keep: (schema: unknown) => ContractSchema,
  corrected: Json,
): ContractOperation {
  const parameters = ((operation["parameters"] ?? []) as Json[]).map((given) => {
    const parameter = follow(openapi, given);
    return {
      name: String(parameter["name"]),
      in: String(parameter["in"]),
      required: parameter["required"] === true,
      schema: keep(parameter["schema"] ?? {}),
    };
  });
  const body = operation["requestBody"] as Json | undefined;
  const responses: Record<string, ContractSchema | null> = {};
  for (const [status, given] of Object.entries(operation["responses"] as Record<string, Json>)) {
    const schema = corrected[status] ?? jsonSchema(follow(openapi, given));
    responses[status] = schema === undefined ? null : keep(schema);
  }
  return {
    operationId: String(operation["operationId"]),
    parameters,
    ...(body === undefined ? {} : { body: { required: body["required"] === true, schema: keep(jsonSchema(body) ?? {}) } }),
    responses,
  };
}

function jsonSchema(holder: Json): unknown {
  const content = holder["content"] as Record<string, Json> | undefined;
  return content === undefined ? undefined : (content["application/json"] ?? Object.values(content)[0])?.["schema"];
}

function follow(openapi: OpenApi, value: Json): Json {
  const ref = value["$ref"];
  if (typeof ref !== "string") return value;
  const [, , kind = "", name = ""] = ref.split("/");
  const found = openapi.components[kind]?.[name];
  if (found === undefined) throw new Error(`${ref} leads nowhere`);
  return follow(openapi, found);
}

/** Below `properties` a key is a property's name, so `description` there is one to keep. */
function stripSchema(schema: unknown): ContractSchema {
  const strip = (value: unknown, names: boolean): unknown => {
    if (Array.isArray(value)) return value.map((item) => strip(item, false));
    if (typeof value !== "object" || value === null) return value;
    const kept = Object.entries(value).filter(([key]) => names || !(SILENT.has(key) || key.startsWith("x-")));
    return Object.fromEntries(
      kept.map(([key, item]) => [key, key === "enum" || key === "default" ? item : strip(item, !names && key === "properties")]),
    );
  };
  return strip(schema ?? {}, false) as ContractSchema;
}

function refsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(refsOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === "$ref" && typeof item === "string" ? [item.slice("#/components/schemas/".length)] : refsOf(item),
  );
}
