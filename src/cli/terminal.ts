import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { confirm, input, password, select } from "@inquirer/prompts";
import { PROVIDERS } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { ALIAS, Login, RepositoryName, Spending } from "#core/config/shapes.ts";
import { CREDENTIAL_KINDS, IDENTITY_NEEDS, type CredentialKind } from "#core/config/credential.ts";
import type { NewCredential } from "#core/setup/answers.ts";
import { ownerOf } from "#core/setup/names.ts";
import { PublicUrl } from "#core/setup/public-url.ts";
import type { Shape } from "./init-options.ts";

/** Where a command speaks with the person who runs it. */
export type Terminal = {
  /** Whether somebody can be asked: both ends are a terminal. */
  readonly interactive: boolean;
  say(line: string): void;
  confirm(question: string): Promise<boolean>;
  askAppUrl(): Promise<string>;
  askRunner(usual: string): Promise<string>;
  askPool(): Promise<readonly NewCredential[]>;
  askBudget(usual: string): Promise<string>;
  askRepositories(owner: string): Promise<readonly string[]>;
  /** Of these credentials: typed unseen, or read from what was piped in. One without a key is left out. */
  readKeys(names: readonly string[]): Promise<Result<ReadonlyMap<string, string>, string>>;
};

export function openTerminal(say: (line: string) => void): Terminal {
  const interactive = process.stdin.isTTY && process.stdout.isTTY;
  return {
    interactive,
    // What GitHub says may hold anything; what moves a terminal's cursor is not said.
    say: (line) => {
      say(line.replaceAll(/[\p{Cc}\p{Cf}]/gu, (sign) => (sign === "\n" ? sign : "")));
    },
    confirm: (message) => confirm({ message, default: false }),
    askAppUrl: async () =>
      PublicUrl.parse(
        await input({
          message: "By which address do GitHub and the runners reach the app (its PUBLIC_URL)?",
          validate: by(PublicUrl),
        }),
      ),
    askRunner: (usual) =>
      input({
        message: "Which private repository is to hold the keys and run the jobs? It is made where it isn't there.",
        default: usual,
        validate: (name) => ownedBy(ownerOf(usual), name),
      }),
    askPool,
    askBudget: (usual) => input({ message: "How much may be spent on all of it?", default: usual, validate: by(Spending) }),
    async askRepositories(owner) {
      const message = "Which repositories get the label and the form for asking? Names, with spaces between; none: later.";
      const valid = (names: string) =>
        words(names)
          .map((name) => ownedBy(owner, withOwner(owner, name)))
          .find((it) => it !== true) ?? true;
      return words(await input({ message, validate: valid })).map((name) => withOwner(owner, name));
    },
    readKeys: (names) => {
      if (interactive) return typeKeys(names);
      // A key is never typed where it would be seen.
      return process.stdin.isTTY ? Promise.resolve(ok(new Map())) : pipeKeys(names);
    },
  };
}

async function askPool(): Promise<readonly NewCredential[]> {
  const pool: NewCredential[] = [];
  do {
    const provider = await select({ message: "A credential of which provider?", choices: [...PROVIDERS] });
    const kind = await select({
      message: "Of which kind?",
      choices: CREDENTIAL_KINDS.map((value) => ({ value, description: KINDS[value] })),
    });
    const name = await input({
      message: "Its name, which people will see",
      default: pool.length === 0 ? "platform-api" : undefined,
      validate: (given) =>
        pool.some((other) => other.name === given)
          ? "another has this name"
          : ALIAS.test(given) || "lower-case letters, digits, `.`, `_` or `-`",
    });
    const owner =
      kind === "seat" ? await input({ message: "Whose seat is it (a GitHub login)?", validate: by(Login) }) : undefined;
    const identity: Record<string, string> = {};
    for (const field of kind === "workload-identity" ? (IDENTITY_NEEDS[provider] ?? []) : [])
      identity[field] = await input({ message: `Its ${field}, as on the provider's page`, required: true });
    pool.push({
      name,
      provider,
      kind,
      ...(owner === undefined ? {} : { owner }),
      ...(Object.keys(identity).length === 0 ? {} : { identity }),
    });
  } while (await confirm({ message: "Another credential?", default: false }));
  return pool;
}

const KINDS: Record<CredentialKind, string> = {
  "workload-identity": "no key: the provider trusts the job's own identity (docs/harnesses.md)",
  "api-key": "an organisation's key, billed by what is used",
  "access-token": "a workspace's token (OpenAI)",
  seat: "a person's subscription, which serves its owner until they lend it",
};

async function typeKeys(names: readonly string[]): Promise<Result<ReadonlyMap<string, string>, string>> {
  const keys = new Map<string, string>();
  for (const name of names) {
    const message = `The key of ${name} (unseen; empty: later)`;
    const key = (await password({ message, validate: (given) => !/\s/.test(given.trim()) || SPACED })).trim();
    if (key !== "") keys.set(name, key);
  }
  return ok(keys);
}

/** Where none is asked for, what was piped in is looked at no further than whether it is there: else a new key would seem to be set. */
async function pipeKeys(names: readonly string[]): Promise<Result<ReadonlyMap<string, string>, string>> {
  if (names.length > 0) return readPipedKeys(await text(process.stdin), names);
  // Nobody may ever close it.
  const piped = await Promise.race([text(process.stdin), setTimeout(UNASKED_MS, "")]);
  process.stdin.destroy();
  return readPipedKeys(piped, names);
}

const UNASKED_MS = 300;

const SPACED = "a key has no space in it: is it the whole key, and nothing else?";

/** `NAME=KEY` a line, or one line that is the key where one is asked for. No message says a key. Pure. */
export function readPipedKeys(piped: string, names: readonly string[]): Result<ReadonlyMap<string, string>, string> {
  const lines = words(piped, /[\r\n]+/);
  if (names.length === 0 && lines.length > 0)
    return err(
      "a key came on standard input, and none is asked for: each credential of the pool has one. To replace it: `gh secret set AGENT_POOL_KEY --repo OWNER/RUNNER --env NAME`",
    );
  const keys = new Map<string, string>();
  for (const [at, line] of lines.entries()) {
    const [, name, named] = /^([a-z0-9][a-z0-9._-]{0,62})=(.+)$/.exec(line) ?? [];
    const [only] = names;
    if (name !== undefined && named !== undefined && names.includes(name)) keys.set(name, named.trim());
    else if (name === undefined && lines.length === 1 && names.length === 1 && only !== undefined) keys.set(only, line);
    else
      return err(
        `line ${String(at + 1)} of standard input names no credential that waits for a key; a line is NAME=KEY, with NAME one of ${names.join(", ")}`,
      );
  }
  const spaced = [...keys].find(([, key]) => /\s/.test(key));
  return spaced === undefined ? ok(keys) : err(`of ${spaced[0]}: ${SPACED} Nothing was done`);
}

function words(given: string, between = /[\s,]+/): string[] {
  return given
    .split(between)
    .map((word) => word.trim())
    .filter(Boolean);
}

function withOwner(owner: string, name: string): string {
  return name.includes("/") ? name : `${owner}/${name}`;
}

function ownedBy(owner: string, name: string): true | string {
  const shape = by(RepositoryName)(name);
  if (shape !== true) return shape;
  return ownerOf(name) === owner.toLowerCase() || `should be ${owner}'s: what one owner's keys serve is that owner's`;
}

function by(shape: Shape): (given: string) => true | string {
  return (given) => {
    const read = shape.safeParse(given);
    return read.success || (read.error.issues[0]?.message ?? "is not valid");
  };
}
