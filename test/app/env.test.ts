import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readEnv } from "../../src/env.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-pool-env-"));
afterAll(() => rmSync(folder, { recursive: true }));

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const PEM = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
const PKCS8 = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

const GOOD = { APP_ID: "12", PRIVATE_KEY: PEM, WEBHOOK_SECRET: "s3cret", PUBLIC_URL: "https://agents.example.com" };

function inFile(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const WRONG: readonly [string, Record<string, string | undefined>, string, RegExp][] = [
  ["no APP_ID", { APP_ID: undefined }, "APP_ID", /^is not set; it is the App's numeric id/],
  ["an empty APP_ID", { APP_ID: "" }, "APP_ID", /^is not set/],
  ["a name for APP_ID", { APP_ID: "my-app" }, "APP_ID", /^should be the App's numeric id$/],
  ["a negative APP_ID", { APP_ID: "-1" }, "APP_ID", /^should be the App's numeric id$/],
  ["no WEBHOOK_SECRET", { WEBHOOK_SECRET: undefined }, "WEBHOOK_SECRET", /^is not set; it is the webhook secret/],
  [
    "no PUBLIC_URL",
    { PUBLIC_URL: undefined },
    "PUBLIC_URL",
    /^is not set; it is the address by which GitHub and the runners reach this app/,
  ],
  ["a host for PUBLIC_URL", { PUBLIC_URL: "agents.example.com" }, "PUBLIC_URL", /^should be an address like https:/],
  [
    "another scheme for PUBLIC_URL",
    { PUBLIC_URL: "ftp://agents.example.com" },
    "PUBLIC_URL",
    /^should be an address like https:/,
  ],
  ["a PUBLIC_URL in the clear", { PUBLIC_URL: "http://agents.example.com" }, "PUBLIC_URL", /^should begin with https:/],
  [
    "a PUBLIC_URL that only begins like this machine",
    { PUBLIC_URL: "http://localhost.example" },
    "PUBLIC_URL",
    /begin with https:/,
  ],
  ["a PUBLIC_URL with a query", { PUBLIC_URL: "https://a.example?x=1" }, "PUBLIC_URL", /^should have no `\?`/],
  ["another database", { DATABASE_URL: "mysql://localhost/pool" }, "DATABASE_URL", /^should be a Postgres address/],
  ["a word for PORT", { PORT: "http" }, "PORT", /should be a port/],
  ["a PORT that there is not", { PORT: "70000" }, "PORT", /65535/],
  ["a host for GITHUB_API_URL", { GITHUB_API_URL: "ghe.example.com" }, "GITHUB_API_URL", /^should be an address like https:/],
  ["a host for OIDC_ISSUER", { OIDC_ISSUER: "token" }, "OIDC_ISSUER", /^should be an address like https:/],
  [
    "the playground with the real GitHub",
    { AGENT_POOL_PLAYGROUND: "1" },
    "AGENT_POOL_PLAYGROUND",
    /^is for the playground alone/,
  ],
  ["a playground of another kind", { AGENT_POOL_PLAYGROUND: "yes" }, "AGENT_POOL_PLAYGROUND", /^is for the playground alone/],
  [
    "a classifier's address without its key",
    { ANTHROPIC_BASE_URL: "https://llm.example.com" },
    "ANTHROPIC_BASE_URL",
    /^is of no use without ANTHROPIC_API_KEY/,
  ],
  [
    "a classifier's address in the clear",
    { ANTHROPIC_API_KEY: "k", ANTHROPIC_BASE_URL: "http://llm.example.com" },
    "ANTHROPIC_BASE_URL",
    /^should begin with https:/,
  ],
  [
    "a classifier's key of two lines",
    { ANTHROPIC_API_KEY: "sk-ant\nsk-ant" },
    "ANTHROPIC_API_KEY",
    /^should be a key in one word/,
  ],
  ["a LOG_LEVEL nobody knows", { LOG_LEVEL: "loud" }, "LOG_LEVEL", /should be one of trace, debug, info/],
  ["no key", { PRIVATE_KEY: undefined }, "PRIVATE_KEY", /^is not set, nor is PRIVATE_KEY_PATH/],
  ["a key that is none", { PRIVATE_KEY: "hello" }, "PRIVATE_KEY", /^is not an RSA private key in PEM form/],
  [
    "a public key",
    { PRIVATE_KEY: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n" },
    "PRIVATE_KEY",
    /^is not an RSA private key in PEM form/,
  ],
  ["a key that is cut off", { PRIVATE_KEY: PEM.slice(0, 400) }, "PRIVATE_KEY", /^is not an RSA private key in PEM form/],
  [
    "a path to nothing",
    { PRIVATE_KEY: undefined, PRIVATE_KEY_PATH: "/nowhere/key.pem" },
    "PRIVATE_KEY_PATH",
    /^names a file that can't be read: \/nowhere\/key\.pem$/,
  ],
  [
    "a path to another file",
    { PRIVATE_KEY: undefined, PRIVATE_KEY_PATH: inFile("note.txt", "hello") },
    "PRIVATE_KEY_PATH",
    /^is not an RSA private key in PEM form/,
  ],
];

const KEYS: readonly [string, Record<string, string | undefined>, string][] = [
  ["as PEM", { PRIVATE_KEY: PEM }, PEM],
  ["as PEM of PKCS#8", { PRIVATE_KEY: PKCS8 }, PKCS8],
  ["on one line with \\n", { PRIVATE_KEY: PEM.replaceAll("\n", "\\n") }, PEM],
  ["in base64", { PRIVATE_KEY: Buffer.from(PEM).toString("base64") }, PEM],
  ["in base64 of several lines", { PRIVATE_KEY: Buffer.from(PEM).toString("base64").replace(/.{76}/g, "$&\n") }, PEM],
  ["in a file", { PRIVATE_KEY: undefined, PRIVATE_KEY_PATH: inFile("key.pem", PEM) }, PEM],
  ["itself, before a file", { PRIVATE_KEY: PEM, PRIVATE_KEY_PATH: "/nowhere" }, PEM],
];

describe("readEnv", () => {
  it("needs four variables and has defaults for the others", () => {
    const read = readEnv(GOOD);

    expect(read).toEqual({
      ok: true,
      value: {
        appId: 12,
        privateKey: PEM,
        webhookSecret: "s3cret",
        publicUrl: "https://agents.example.com",
        port: 3000,
        host: "0.0.0.0",
        store: { directory: "./.agent-pool" },
        apiUrl: "https://api.github.com",
        playground: false,
        limited: true,
        oidcIssuer: "https://token.actions.githubusercontent.com",
        allowedOwners: [],
        classifier: null,
        logLevel: "info",
      },
    });
  });

  it("takes every variable there is", () => {
    const read = readEnv({
      ...GOOD,
      PUBLIC_URL: "http://localhost:3000//",
      PORT: "0",
      HOST: "127.0.0.1",
      DATABASE_URL: "postgres://localhost/pool",
      AGENT_POOL_DATA: "/var/lib/pool",
      GITHUB_API_URL: "https://ghe.example.com/api/v3/",
      OIDC_ISSUER: "https://ghe.example.com/_services/token",
      ALLOWED_OWNERS: " Acme, other ,third",
      ANTHROPIC_API_KEY: "sk-ant-api03-own",
      ANTHROPIC_BASE_URL: "https://llm.example.com/anthropic",
      LOG_LEVEL: "debug",
    });

    expect(read).toMatchObject({
      ok: true,
      value: {
        publicUrl: "http://localhost:3000",
        port: 0,
        host: "127.0.0.1",
        store: { databaseUrl: "postgres://localhost/pool" },
        apiUrl: "https://ghe.example.com/api/v3",
        oidcIssuer: "https://ghe.example.com/_services/token",
        allowedOwners: ["acme", "other", "third"],
        classifier: { apiKey: "sk-ant-api03-own", baseUrl: "https://llm.example.com/anthropic" },
        logLevel: "debug",
      },
    });
  });

  it("has a classifier at Anthropic's own address where a key alone is given", () => {
    const read = readEnv({ ...GOOD, ANTHROPIC_API_KEY: "sk-ant-api03-own" });

    expect(read).toMatchObject({
      ok: true,
      value: { classifier: { apiKey: "sk-ant-api03-own", baseUrl: "https://api.anthropic.com" } },
    });
  });

  it("is the playground's only where it is told so and GitHub is on this machine", () => {
    const here = { ...GOOD, GITHUB_API_URL: "http://127.0.0.1:4000" };

    expect(readEnv(here)).toMatchObject({ ok: true, value: { playground: false } });
    expect(readEnv({ ...here, AGENT_POOL_PLAYGROUND: "1" })).toMatchObject({
      ok: true,
      value: { playground: true, limited: true },
    });
    expect(readEnv({ ...here, AGENT_POOL_PLAYGROUND: "unlimited" })).toMatchObject({
      ok: true,
      value: { playground: true, limited: false },
    });
  });

  it("takes an empty variable for one that isn't set", () => {
    const read = readEnv({ ...GOOD, PORT: "", DATABASE_URL: "", ALLOWED_OWNERS: "", LOG_LEVEL: undefined });

    expect(read).toMatchObject({
      ok: true,
      value: { port: 3000, store: { directory: "./.agent-pool" }, allowedOwners: [], logLevel: "info" },
    });
  });

  it.each(WRONG)("names the variable and its remedy on one line for %s", (_name, variables, variable, problem) => {
    const read = readEnv({ ...GOOD, ...variables });

    if (read.ok) throw new Error("it was taken");
    expect(read.error.variable).toBe(variable);
    expect(read.error.problem).toMatch(problem);
    expect(read.error.problem).not.toContain("\n");
  });

  it.each(KEYS)("takes the key %s", (_name, variables, expected) => {
    const read = readEnv({ ...GOOD, ...variables });

    expect(read).toMatchObject({ ok: true, value: { privateKey: expected } });
  });

  it("says nothing of a key's content in its problem", () => {
    const read = readEnv({ ...GOOD, PRIVATE_KEY: "c2VjcmV0LXZhbHVl" });

    expect(JSON.stringify(read)).not.toContain("secret-value");
    expect(JSON.stringify(read)).not.toContain("c2VjcmV0");
  });
});
