import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { isLoopback, PublicUrl } from "#core/setup/public-url.ts";
import { err, ok, type Result } from "#core/wire/result.ts";

/** A variable that is wrong or missing: one line, and what would be right. */
export type EnvProblem = { readonly variable: string; readonly problem: string };

const Url = z.url({ protocol: /^https?$/, error: "should be an address like https://github.example.com/api/v3" });

const SafeUrl = Url.refine((text) => text.startsWith("https:") || isLoopback(text), "should begin with https://");

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** What the app is told by its environment. The only reader of `process.env` is main.ts, which hands it in here. */
const Env = z.object({
  APP_ID: z.coerce.number({ error: "should be the App's numeric id" }).int().positive(),
  PRIVATE_KEY: z.string().min(1).optional(),
  PRIVATE_KEY_PATH: z.string().min(1).optional(),
  WEBHOOK_SECRET: z.string({ error: "is not set; it is the secret in the App's settings" }).min(1),
  PUBLIC_URL: PublicUrl,
  PORT: z.coerce
    .number({ error: "should be a port, like 3000" })
    .refine((port) => Number.isInteger(port) && port >= 0 && port <= 65_535, "should be a port, 0 to 65535")
    .default(3000),
  HOST: z.string().default("0.0.0.0"),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "should be a Postgres address, like postgres://user@host/name")
    .optional(),
  AGENT_POOL_DATA: z.string().min(1).default("./.agent-pool"),
  GITHUB_API_URL: Url.default("https://api.github.com"),
  OIDC_ISSUER: Url.default("https://token.actions.githubusercontent.com"),
  ALLOWED_OWNERS: z.string().default(""),
  /** Of the app's own, with a low limit; never one of the pool. */
  ANTHROPIC_API_KEY: z
    .string()
    .regex(/^[\x21-\x7E]+$/, "should be a key in one word, as the provider's console shows it")
    .optional(),
  ANTHROPIC_BASE_URL: SafeUrl.optional(),
  /**
   * Set by playground/world.ts alone: GitHub is a stand-in on this machine, and what a scripted model did without a sandbox
   * is taken. Not read off GITHUB_API_URL, since a proxy on loopback before the real GitHub looks the same. `unlimited`: it
   * limits no content, and so the app keeps no budget of it.
   */
  AGENT_POOL_PLAYGROUND: z.enum(["1", "unlimited"], "is for the playground alone; unset it").optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `should be one of ${LOG_LEVELS.join(", ")}` }).default("info"),
});

export type Config = {
  readonly appId: number;
  readonly privateKey: string;
  readonly webhookSecret: string;
  readonly publicUrl: string;
  readonly port: number;
  readonly host: string;
  readonly store: { readonly databaseUrl: string } | { readonly directory: string };
  readonly apiUrl: string;
  readonly playground: boolean;
  /** Whether GitHub limits how much content an installation creates. */
  readonly limited: boolean;
  readonly oidcIssuer: string;
  /** Logins in lower case; empty = every owner that installs the App. */
  readonly allowedOwners: readonly string[];
  /** Where issues are sized by a model as well; null: by rules alone. */
  readonly classifier: { readonly apiKey: string; readonly baseUrl: string } | null;
  readonly logLevel: ReadEnv["LOG_LEVEL"];
};

export type Variables = Readonly<Record<string, string | undefined>>;

/** Those of these variables that the schema names, or the first that is wrong or missing. */
function read<T>(schema: z.ZodType<T>, variables: Variables): Result<T, EnvProblem> {
  // An empty variable is one that isn't set: how shells and CI pass "nothing".
  const present = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = schema.safeParse(present);
  if (parsed.success) return ok(parsed.data);
  const issue = parsed.error.issues[0];
  const variable = String(issue?.path[0] ?? "environment");
  return err({ variable, problem: variable in present ? (issue?.message ?? "is not valid") : missing(variable) });
}

export function readEnv(variables: Variables): Result<Config, EnvProblem> {
  const parsed = read(Env, variables);
  if (!parsed.ok) return parsed;
  const env = parsed.value;
  const playground = env.AGENT_POOL_PLAYGROUND !== undefined;
  if (playground && !isLoopback(env.GITHUB_API_URL))
    return err({
      variable: "AGENT_POOL_PLAYGROUND",
      problem: "is for the playground alone, not with this GITHUB_API_URL; unset it",
    });
  const { ANTHROPIC_API_KEY: apiKey, ANTHROPIC_BASE_URL: baseUrl = "https://api.anthropic.com" } = env;
  if (apiKey === undefined && env.ANTHROPIC_BASE_URL !== undefined)
    return err({
      variable: "ANTHROPIC_BASE_URL",
      problem: "is of no use without ANTHROPIC_API_KEY, the classifier's key; set both or neither",
    });
  const privateKey = readKey(env);
  if (!privateKey.ok) return privateKey;
  return ok({
    appId: env.APP_ID,
    privateKey: privateKey.value,
    webhookSecret: env.WEBHOOK_SECRET,
    publicUrl: env.PUBLIC_URL,
    port: env.PORT,
    host: env.HOST,
    store: storeOf(env),
    apiUrl: apiUrlOf(env),
    playground,
    limited: env.AGENT_POOL_PLAYGROUND !== "unlimited",
    oidcIssuer: env.OIDC_ISSUER,
    allowedOwners: env.ALLOWED_OWNERS.split(/[\s,]+/)
      .filter(Boolean)
      .map((login) => login.toLowerCase()),
    classifier: apiKey === undefined ? null : { apiKey, baseUrl },
    logLevel: env.LOG_LEVEL,
  });
}

/** Where the store is, for a command that needs nothing else of the environment. */
export function readStoreEnv(variables: Variables): Result<Config["store"], EnvProblem> {
  const parsed = read(Env.pick({ DATABASE_URL: true, AGENT_POOL_DATA: true }), variables);
  return parsed.ok ? ok(storeOf(parsed.value)) : parsed;
}

/** What a command of the operator's is told: where GitHub is, where the app, and what is the App's; the latter two where they are known. */
export function readOperatorEnv(variables: Variables): Result<OperatorEnv, EnvProblem> {
  // A token of the operator's is never sent in the clear.
  const schema = Env.extend({ GITHUB_API_URL: SafeUrl.default("https://api.github.com") }).pick({
    GITHUB_API_URL: true,
    PUBLIC_URL: true,
    APP_ID: true,
    PRIVATE_KEY: true,
    PRIVATE_KEY_PATH: true,
  });
  const parsed = read(schema.partial({ PUBLIC_URL: true, APP_ID: true }), variables);
  if (!parsed.ok) return parsed;
  const { APP_ID: appId, PUBLIC_URL: publicUrl } = parsed.value;
  const known = { apiUrl: apiUrlOf(parsed.value), publicUrl };
  if (appId === undefined) return ok({ ...known, app: undefined });
  const privateKey = readKey(parsed.value);
  return privateKey.ok ? ok({ ...known, app: { appId, privateKey: privateKey.value } }) : privateKey;
}

export type OperatorEnv = {
  readonly apiUrl: string;
  readonly publicUrl: string | undefined;
  readonly app: { readonly appId: number; readonly privateKey: string } | undefined;
};

/** What a start needs that has no App yet. */
export type FirstStart = Pick<Config, "port" | "host" | "apiUrl" | "logLevel"> & {
  /** Empty: not set. */
  readonly publicUrl: string;
};

const OF_THE_APP = ["APP_ID", "PRIVATE_KEY", "PRIVATE_KEY_PATH", "WEBHOOK_SECRET"] as const;

/** undefined: the variables name an App, or a part of one, which is then a mistake. */
export function readFirstStart(variables: Variables): Result<FirstStart, EnvProblem> | undefined {
  if (OF_THE_APP.some((name) => (variables[name] ?? "") !== "")) return undefined;
  const { PUBLIC_URL: url, ...others } = Env.omit({
    APP_ID: true,
    PRIVATE_KEY: true,
    PRIVATE_KEY_PATH: true,
    WEBHOOK_SECRET: true,
  }).shape;
  const parsed = read(z.object({ ...others, PUBLIC_URL: url.optional() }), variables);
  if (!parsed.ok) return parsed;
  const { PORT: port, HOST: host, LOG_LEVEL: logLevel, PUBLIC_URL: publicUrl = "", ...env } = parsed.value;
  return ok({ port, host, logLevel, publicUrl, apiUrl: apiUrlOf(env) });
}

type ReadEnv = z.infer<typeof Env>;

function apiUrlOf(env: Pick<ReadEnv, "GITHUB_API_URL">): string {
  return env.GITHUB_API_URL.replace(/\/+$/, "");
}

function storeOf(env: Pick<ReadEnv, "DATABASE_URL" | "AGENT_POOL_DATA">): Config["store"] {
  return env.DATABASE_URL === undefined ? { directory: env.AGENT_POOL_DATA } : { databaseUrl: env.DATABASE_URL };
}

function missing(variable: string): string {
  const what: Record<string, string> = {
    APP_ID: "the App's numeric id, on its settings page",
    WEBHOOK_SECRET: "the webhook secret of the App's settings page",
    PUBLIC_URL: "the address by which GitHub and the runners reach this app, like https://agents.example.com",
  };
  return `is not set; it is ${what[variable] ?? "needed"}`;
}

function readKey(env: Pick<ReadEnv, "PRIVATE_KEY" | "PRIVATE_KEY_PATH">): Result<string, EnvProblem> {
  let key = env.PRIVATE_KEY;
  if (key === undefined) {
    if (env.PRIVATE_KEY_PATH === undefined) {
      return err({
        variable: "PRIVATE_KEY",
        problem: "is not set, nor is PRIVATE_KEY_PATH; one of them gives the App's private key (PEM)",
      });
    }
    try {
      key = readFileSync(env.PRIVATE_KEY_PATH, "utf8");
    } catch {
      return err({ variable: "PRIVATE_KEY_PATH", problem: `names a file that can't be read: ${env.PRIVATE_KEY_PATH}` });
    }
  }
  // Environment files often carry the key on one line, with `\n` written out, or in base64.
  const text = key.includes("-----BEGIN") ? key.replaceAll("\\n", "\n") : Buffer.from(key, "base64").toString("utf8");
  const variable = env.PRIVATE_KEY === undefined ? "PRIVATE_KEY_PATH" : "PRIVATE_KEY";
  if (/ENCRYPTED/.test(text.slice(0, 200)))
    return err({ variable, problem: "is encrypted; give the key as GitHub handed it out" });
  if (!isRsaKey(text)) return err({ variable, problem: "is not an RSA private key in PEM form, as GitHub hands it out" });
  return ok(text);
}

function isRsaKey(text: string): boolean {
  try {
    return createPrivateKey(text).asymmetricKeyType === "rsa";
  } catch {
    return false;
  }
}
