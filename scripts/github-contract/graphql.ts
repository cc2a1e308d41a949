import { readFile } from "node:fs/promises";
import {
  buildSchema,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isScalarType,
  isUnionType,
  parse,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
  type GraphQLArgument,
  type GraphQLNamedType,
} from "graphql";

/**
 * The part of GitHub's public GraphQL schema that `documents` reach: each type they enter with only the fields they
 * select. An object type also carries the fields its interfaces keep, or the cut would not be a valid schema.
 */
export async function cutGraphql(documents: readonly string[]): Promise<string> {
  const file = new URL("schema.graphql", import.meta.resolve("@octokit/graphql-schema"));
  // GitHub's own file breaks rules that graphql-js checks (15.26.1: a field defined twice, `Node.id` deprecated in some types).
  const schema = buildSchema(await readFile(file, "utf8"), { assumeValid: true });
  const fields = new Map<string, Set<string>>();
  const add = (type: string, field?: string): void => {
    const known = fields.get(type) ?? new Set();
    fields.set(type, field === undefined ? known : known.add(field));
  };
  for (const text of documents) {
    const document = parse(text);
    const errors = validate(schema, document);
    if (errors.length > 0) throw new Error(errors.map(String).join("\n"));
    const info = new TypeInfo(schema);
    visit(
      document,
      visitWithTypeInfo(info, {
        Field(node) {
          const parent = info.getParentType();
          if (parent != null && !node.name.value.startsWith("__")) add(parent.name, node.name.value);
          const type = info.getType();
          if (type != null) add(getNamedType(type).name);
        },
        InlineFragment(node) {
          if (node.typeCondition !== undefined) add(node.typeCondition.name.value);
        },
      }),
    );
  }
  // What answers an interface must be there too: `owner` is a RepositoryOwner, so Organization and User; whoever edits is any Actor.
  for (const [name, chosen] of Array.from(fields)) {
    const type = schema.getType(name);
    if (!isInterfaceType(type)) continue;
    for (const object of schema.getPossibleTypes(type)) {
      if (OPEN.includes(name) || fields.has(object.name) || name === "GitObject")
        for (const field of chosen) add(object.name, field);
    }
  }
  return printCut(schema.getTypeMap(), fields);
}

/** Interfaces that the documents name without naming what answers them. */
const OPEN = ["RepositoryOwner", "Actor"];

function printCut(types: Record<string, GraphQLNamedType>, fields: ReadonlyMap<string, ReadonlySet<string>>): string {
  const blocks = new Map<string, string>();
  const print = (name: string): void => {
    if (blocks.has(name)) return;
    const type = types[name];
    if (type === undefined || (isScalarType(type) && ["String", "Int", "Float", "Boolean", "ID"].includes(name))) return;
    blocks.set(name, "");
    if (isScalarType(type)) blocks.set(name, `scalar ${name}`);
    else if (isEnumType(type))
      blocks.set(
        name,
        `enum ${name} {\n${type
          .getValues()
          .map((value) => `  ${value.name}\n`)
          .join("")}}`,
      );
    else if (isInputObjectType(type)) {
      const inputs = Object.values(type.getFields());
      for (const input of inputs) print(getNamedType(input.type).name);
      blocks.set(name, `input ${name} {\n${inputs.map((input) => `  ${input.name}: ${String(input.type)}\n`).join("")}}`);
    } else if (isUnionType(type)) {
      const members = type.getTypes().filter((member) => fields.has(member.name));
      blocks.set(name, `union ${name} = ${members.map((member) => member.name).join(" | ")}`);
    } else if (isCompositeType(type)) {
      const chosen = Object.values(type.getFields()).filter((field) => fields.get(name)?.has(field.name) === true);
      const lines = chosen.map((field) => {
        for (const argument of field.args) print(getNamedType(argument.type).name);
        print(getNamedType(field.type).name);
        return `  ${field.name}${printArguments(field.args)}: ${String(field.type)}\n`;
      });
      const parents = type.getInterfaces().filter((parent) => (fields.get(parent.name)?.size ?? 0) > 0);
      const implemented = parents.length > 0 ? ` implements ${parents.map((parent) => parent.name).join(" & ")}` : "";
      blocks.set(name, `${isObjectType(type) ? "type" : "interface"} ${name}${implemented} {\n${lines.join("")}}`);
    }
  };
  for (const name of [...fields.keys()].toSorted()) print(name);
  const sorted = [...blocks].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  return `# Cut from GitHub's public schema by scripts/github-contract.ts. Do not edit.\n\n${sorted.join("\n\n")}\n`;
}

function printArguments(list: readonly GraphQLArgument[]): string {
  if (list.length === 0) return "";
  return `(${list.map((argument) => `${argument.name}: ${String(argument.type)}`).join(", ")})`;
}
