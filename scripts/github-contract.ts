/**
 * Cuts GitHub's published contracts down to what the emulated GitHub serves, and writes
 * `playground/github/contract/{rest.json,graphql.graphql}`.
 *
 *   node scripts/github-contract.ts
 *
 * REST comes from `@octokit/openapi`, 385 MB unpacked and so never a dependency: `npm pack` puts it into a temporary
 * folder outside this repository. GraphQL comes from `@octokit/graphql-schema`, cut to the fields that the product's
 * query and `contract/documents.graphql` ask for. Both outputs are deterministic.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DISCUSSION_QUERY } from "#adapters/github/discussion.ts";
import { LABELLED_QUERY } from "#adapters/github/labelled.ts";
import { MERGED_QUERY } from "#adapters/github/merged.ts";
import { CONFIG_QUERY, REVIEWS_QUERY } from "#adapters/github/own-checks.ts";
import { SET_UP_QUERY } from "#adapters/github/set-up.ts";
import { AROUND_QUERY } from "#adapters/github/surroundings.ts";
import { TEXT_QUERY } from "#adapters/github/text.ts";
import { ROUTES } from "../playground/github/routes.ts";
import { cutRest, type OpenApi } from "./github-contract/rest.ts";
import { cutGraphql } from "./github-contract/graphql.ts";

const OPENAPI = "@octokit/openapi@23.0.2";
const root = new URL("..", import.meta.url).pathname;
const out = join(root, "playground/github/contract");

async function readOpenApi(): Promise<OpenApi> {
  const run = promisify(execFile);
  const folder = await mkdtemp(join(tmpdir(), "github-contract-"));
  try {
    const { stdout } = await run("npm", ["pack", OPENAPI, "--silent"], { cwd: folder });
    await run("tar", ["xzf", stdout.trim(), "package/generated/api.github.com.json"], { cwd: folder });
    const text = await readFile(join(folder, "package/generated/api.github.com.json"), "utf8");
    return JSON.parse(text) as OpenApi;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readDocuments(): Promise<string[]> {
  return [
    await readFile(join(out, "documents.graphql"), "utf8"),
    SET_UP_QUERY,
    AROUND_QUERY,
    TEXT_QUERY,
    MERGED_QUERY,
    CONFIG_QUERY,
    REVIEWS_QUERY,
    LABELLED_QUERY,
    DISCUSSION_QUERY,
  ];
}

const rest = `${JSON.stringify({ source: OPENAPI, ...cutRest(await readOpenApi(), Object.keys(ROUTES)) })}\n`;
await writeFile(join(out, "rest.json"), rest);
const graphql = await cutGraphql(await readDocuments());
await writeFile(join(out, "graphql.graphql"), graphql);
for (const [name, text] of [
  ["rest.json", rest],
  ["graphql.graphql", graphql],
] as const) {
  const sha = createHash("sha256").update(text).digest("hex").slice(0, 12);
  process.stdout.write(`${name}: ${text.length} bytes, sha256 ${sha}\n`);
}
