import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const ROOT = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true, keywords: ["whenUnset"] });
const SCHEMAS = {
  policy: ajv.compile(JSON.parse(read("schema/policy.json")) as object),
  settings: ajv.compile(JSON.parse(read("schema/settings.json")) as object),
};

type Node = { readonly description?: string; readonly [key: string]: unknown };

/** Every setting of a schema, by its path. */
function settingsOf(node: Node, path = ""): { path: string; description: string | undefined }[] {
  const inside = (found: unknown, at: string) =>
    typeof found === "object" && found !== null ? settingsOf(found as Node, at) : [];
  const own = Object.entries((node["properties"] ?? {}) as Record<string, Node>).flatMap(([name, child]) => [
    { path: `${path}${name}`, description: child.description },
    ...settingsOf(child, `${path}${name}.`),
  ]);
  const options = Array.isArray(node["anyOf"]) ? node["anyOf"].flatMap((option) => inside(option, path)) : [];
  return [...own, ...options, ...inside(node["items"], path), ...inside(node["additionalProperties"], path)];
}

describe("the schemas for editors", () => {
  it.each(["policy", "settings"])("say of every setting of the %s what it is", (name) => {
    const settings = settingsOf(JSON.parse(read(`schema/${name}.json`)) as Node);

    expect(settings.length).toBeGreaterThan(8);
    // The names of tiers and sizes, and what a name alone says, are told where they are listed.
    const sizes = /^routing\.start\.\w+$/;
    expect(settings.filter((it) => !it.description && !sizes.test(it.path)).map((it) => it.path)).toEqual(
      settings.filter((it) => it.path.endsWith(".model")).map((it) => it.path),
    );
  });

  it.each([
    ["policy", "version: 1\npool: [{ name: platform-api, provider: anthropic }]\nrunner: acme/agent-runner\nbudget: $200/month\n"],
    ["policy", "version: 1\npool: [{ name: a, provider: anthropic }]\nrunner: { repository: acme/r, minute: $0.01 }\nbudget: $2/day\nteams: { web: { weight: 2 } }\ntiers: { light: [{ harness: codex, model: gpt-6-luna }] }\n"],
    ["settings", "version: 1\nverify: ci\nguards: { protected: [a/**] }\n"],
  ] as const)("take a %s that is right", (name, text) => {
    expect(SCHEMAS[name](parse(text)), JSON.stringify(SCHEMAS[name].errors)).toBe(true);
  }); // prettier-ignore

  it.each([
    ["policy", "version: 1\npool: []\nrunner: acme/r\nbudget: $2/day\n", "/pool"],
    ["policy", "version: 1\npool: [{ name: a, provider: anthropic }]\nrunner: acme/r\nbudget: 200\n", "/budget"],
    ["policy", "version: 1\npool: [{ name: a, provider: anthropic }]\nrunner: acme/r\nbudget: $2/day\ntiers: { light: [{ harness: codex, model: gpt-0 }] }\n", "/tiers/light/0/model"],
    ["settings", "version: 1\nverfy: ci\n", ""],
    ["settings", "version: 2\n", "/version"],
  ] as const)("refuse a %s that is wrong: %s", (name, text, at) => {
    expect(SCHEMAS[name](parse(text))).toBe(false);
    expect(SCHEMAS[name].errors?.map((error) => error.instancePath)).toContain(at);
  }); // prettier-ignore
});
