import { parseArgs } from "node:util";
import { PROVIDERS, type Provider } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { ALIAS, Login, RepositoryName, Spending } from "#core/config/shapes.ts";
import { CREDENTIAL_KINDS } from "#core/config/credential.ts";
import type { ActionPin, NewCredential } from "#core/setup/answers.ts";
import { ownerOf } from "#core/setup/names.ts";
import { PublicUrl } from "#core/setup/public-url.ts";

export const INIT_HELP = `agent-pool init OWNER [options]       sets an organisation (or your own account) up for agent-pool, with your own login of gh, or GH_TOKEN

What is there already stays as it is, so it can be run again. Each step is shown before anything is done.

  --credential NAME:PROVIDER[:KIND[:OWNER]]   one that the pool draws on; repeat it for more. PROVIDER is ${PROVIDERS.join(", ")};
                                      KIND is ${CREDENTIAL_KINDS.join(", ")} (api-key), and a seat has its OWNER
  --identity NAME.FIELD=VALUE         of a workload-identity credential, what its provider trusts (docs/harnesses.md); repeat it for each field
  --runner OWNER/NAME                 the private repository that holds the keys and runs the jobs (OWNER/agent-runner)
  --app-url URL                       the app's public address (PUBLIC_URL, in the environment or in .env)
  --budget AMOUNT                     what may be spent ($200/month)
  --repository OWNER/NAME             one that is to be served: gets the label and a form for asking; repeat it for more
  --action OWNER/NAME@COMMIT          where the Action comes from (this release's)
  --base-url PROVIDER=URL             the organisation's own proxy, to which that provider's keys are sent instead; repeat it for more
  --fresh-workflow                    writes this release's workflow file anew, without what was added to it
  --review                            leaves the policy's pull request open for others to review
  --yes                               asks nothing: does what the options say
  --dry-run                           shows what would be done, and does nothing
  --undo                              takes back what init has done from this folder, and nothing else

Keys are read from standard input, a line each: NAME=KEY, or the key alone where there is one credential. They are sealed on this machine
and go to GitHub; the app never sees them.
`;

export type InitOptions = {
  readonly owner: string;
  readonly pool: readonly NewCredential[];
  readonly runner: string | undefined;
  readonly appUrl: string | undefined;
  readonly budget: string | undefined;
  readonly repositories: readonly string[];
  readonly action: ActionPin | undefined;
  readonly baseUrls: Readonly<Partial<Record<Provider, string>>>;
  readonly freshWorkflow: boolean;
  readonly merge: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly undo: boolean;
};

/** The words after `init` → what is asked for, or one line that says what is wrong. Pure. */
export function readInitOptions(args: readonly string[]): Result<InitOptions | "help", string> {
  const parsed = parse(args);
  if (!parsed.ok) return parsed;
  const { values, positionals } = parsed.value;
  if (values.help) return ok("help");
  const [login, ...more] = positionals;
  if (login === undefined || more.length > 0)
    return err("`init` takes one word, the owner to set up; see agent-pool init --help");
  const owner = Login.safeParse(login);
  if (!owner.success) return err(`${login} is no GitHub login`);
  const pool: NewCredential[] = [];
  for (const text of values.credential) {
    const credential = readCredential(text);
    if (!credential.ok) return credential;
    if (pool.some(({ name }) => name === credential.value.name))
      return err(`two credentials are called ${credential.value.name}`);
    pool.push(credential.value);
  }
  const identified = withIdentities(pool, values.identity);
  if (!identified.ok) return identified;
  const action = values.action === undefined ? ok(undefined) : readActionPin(values.action);
  if (!action.ok) return action;
  const baseUrls = readBaseUrls(values["base-url"]);
  if (!baseUrls.ok) return baseUrls;
  const problem =
    problemOf("--runner", RepositoryName, values.runner) ??
    problemOf("--app-url", PublicUrl, values["app-url"]) ??
    problemOf("--budget", Spending, values.budget) ??
    values.repository.map((name) => problemOf("--repository", RepositoryName, name)).find(Boolean) ??
    [values.runner ?? "", ...values.repository]
      .filter((name) => name !== "" && ownerOf(name) !== login.toLowerCase())
      .map((name) => `${name} is not ${login}'s: what one owner's keys serve is that owner's`)[0];
  if (problem !== undefined) return err(problem);
  return ok({
    owner: login,
    pool: identified.value,
    runner: values.runner,
    appUrl: values["app-url"]?.replace(/\/+$/, ""),
    budget: values.budget,
    repositories: values.repository,
    action: action.value,
    baseUrls: baseUrls.value,
    freshWorkflow: values["fresh-workflow"],
    merge: !values.review,
    yes: values.yes,
    dryRun: values["dry-run"],
    undo: values.undo,
  });
}

function parse(args: readonly string[]) {
  try {
    return ok(
      parseArgs({
        args: [...args],
        options: {
          credential: { type: "string", multiple: true, default: [] },
          identity: { type: "string", multiple: true, default: [] },
          runner: { type: "string" },
          "app-url": { type: "string" },
          budget: { type: "string" },
          repository: { type: "string", multiple: true, default: [] },
          action: { type: "string" },
          "base-url": { type: "string", multiple: true, default: [] },
          "fresh-workflow": { type: "boolean", default: false },
          review: { type: "boolean", default: false },
          yes: { type: "boolean", short: "y", default: false },
          "dry-run": { type: "boolean", default: false },
          undo: { type: "boolean", default: false },
          help: { type: "boolean", short: "h", default: false },
        },
        allowPositionals: true,
      }),
    );
  } catch (error) {
    return err(`${error instanceof Error ? error.message.split(/[.\n]/)[0] : "wrong options"}; see agent-pool init --help`);
  }
}

/** `platform-api:anthropic`, `ada-max:anthropic:seat:ada`. */
function readCredential(text: string): Result<NewCredential, string> {
  const [name = "", providerText, kindText = "api-key", owner, ...more] = text.split(":");
  const provider = PROVIDERS.find((each) => each === providerText);
  const kind = CREDENTIAL_KINDS.find((each) => each === kindText);
  const shape = "should be NAME:PROVIDER[:KIND[:OWNER]], like platform-api:anthropic";
  if (!ALIAS.test(name) || more.length > 0) return err(`--credential ${text} ${shape}`);
  if (provider === undefined) return err(`--credential ${text}: the provider should be one of ${PROVIDERS.join(", ")}`);
  if (kind === undefined) return err(`--credential ${text}: the kind should be one of ${CREDENTIAL_KINDS.join(", ")}`);
  if ((kind === "seat") !== (owner !== undefined))
    return err(`--credential ${text}: a seat, and nothing else, names its owner, like ada-max:anthropic:seat:ada`);
  return ok({ name, provider, kind, ...(owner === undefined ? {} : { owner }) });
}

function withIdentities(pool: readonly NewCredential[], given: readonly string[]): Result<readonly NewCredential[], string> {
  const fields = given.map((text) => /^([^=]+)\.([a-z-]+)=(.+)$/.exec(text)?.slice(1) ?? [text]);
  const stray = fields.find(
    ([name, field]) => field === undefined || !pool.some((each) => each.name === name && each.kind === "workload-identity"),
  );
  if (stray !== undefined)
    return err(`--identity ${stray.join(" ")} should be NAME.FIELD=VALUE, with the NAME of a workload-identity --credential`);
  return ok(
    pool.map((credential) => {
      const own = fields
        .filter(([name]) => name === credential.name)
        .map(([, field = "", value = ""]) => [field, value] as const);
      return own.length === 0 ? credential : { ...credential, identity: Object.fromEntries(own) };
    }),
  );
}

function readBaseUrls(given: readonly string[]): Result<InitOptions["baseUrls"], string> {
  const read: [Provider, string][] = [];
  for (const text of given) {
    const at = text.indexOf("=");
    const provider = PROVIDERS.find((each) => each === text.slice(0, at));
    const url = PublicUrl.safeParse(text.slice(at + 1));
    if (provider === undefined) return err(`--base-url ${text} should be PROVIDER=URL, with one of ${PROVIDERS.join(", ")}`);
    if (!url.success) return err(`--base-url ${text}: the address ${url.error.issues[0]?.message ?? "is not valid"}`);
    read.push([provider, url.data]);
  }
  return ok(Object.fromEntries(read));
}

function readActionPin(text: string): Result<ActionPin, string> {
  const found = /^([\w.-]+\/[\w.-]+)@([0-9a-f]{40})$/.exec(text);
  const [, repository, commit] = found ?? [];
  if (repository === undefined || commit === undefined)
    return err("--action should be OWNER/NAME@COMMIT, with all 40 digits: a tag could be moved to code that reads the keys");
  return ok({ repository, commit });
}

export type Shape = {
  safeParse(text: string): { success: true } | { success: false; error: { issues: readonly { message: string }[] } };
};

function problemOf(option: string, shape: Shape, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const read = shape.safeParse(text);
  return read.success ? undefined : `${option} ${text} ${read.error.issues[0]?.message ?? "is not valid"}`;
}
