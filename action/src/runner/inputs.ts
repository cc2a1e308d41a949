import { realpathSync } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import * as core from "@actions/core";
import { z } from "zod";
import { type Provider, PROVIDERS } from "#core/wire/contract.ts";
import { PROVIDER_URLS } from "#core/wire/harnesses.ts";
import { err, ok, type Result } from "#core/wire/result.ts";

/**
 * Everything the Action is told: its inputs and the runner's environment. The only reader of `process.env`.
 */
export type Inputs = {
  readonly attempt: string;
  /** Without a trailing slash; also the audience of the OIDC token. */
  readonly appUrl: string;
  /** Empty when the environment has no `AGENT_POOL_KEY`: GitHub makes a missing environment, empty. */
  readonly key: string;
  /** Where each provider's calls, and so its keys, go. */
  readonly upstreams: Readonly<Record<Provider, URL>>;
  readonly surroundings: Surroundings;
};

export type Surroundings = {
  /** Absolute folders only: a relative one (`.`, or an empty entry) would be looked up in the checkout. */
  readonly path: string;
  /** The runner's own temporary folder, deleted after the job. Never readable in the sandbox. */
  readonly temp: string;
  readonly toolCache: string;
  /** Folders of the runner that a sandboxed process must not read: other jobs' checkouts, the runner's credentials. */
  readonly hidden: readonly string[];
  readonly githubApiUrl: string;
  /** Proxy, certificate and npm registry settings, passed on to what must use the network outside the sandbox. */
  readonly network: Readonly<Record<string, string>>;
  /** Set by the demo's runner alone, for its scripted model, where bubblewrap can't run. */
  readonly unsandboxed: boolean;
};

const Given = z.object({
  attempt: z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, "must be the dispatched attempt's id"),
  appUrl: z.string().refine((it) => isSafeUrl(it), "must be the app's https address"),
  key: z.string().max(10_000).regex(/^[\x21-\x7e]*$/, "must be one line of printable characters"),
}); // prettier-ignore
const Address = z.string().refine((it) => isSafeUrl(it), "must be the provider's https address");

const NETWORK =
  /^(https?_proxy|all_proxy|no_proxy|node_extra_ca_certs|ssl_cert_file|ssl_cert_dir|git_ssl_cainfo|npm_config_(?!user_agent|global_prefix|prefix|local_prefix|userconfig|globalconfig|node_gyp|cache|noproxy).*)$/i;

/**
 * Reads and checks all inputs. Effects: masks the key in the log first of all, then removes it from `process.env`
 * (the children's environments are built from scratch anyway). `/proc/<pid>/environ` shows it for as long as this process
 * lives, to whoever runs as the same user outside the sandbox: another process in between would only move it, and the
 * runner's own process holds it as well. So nothing that others wrote runs there.
 */
export function readInputs(): Result<Inputs, string> {
  const key = core.getInput("key");
  if (key !== "") core.setSecret(key);
  delete process.env["INPUT_KEY"];
  const given = Given.safeParse({
    attempt: core.getInput("attempt"),
    appUrl: core.getInput("app-url").replace(/\/+$/, ""),
    key,
  });
  if (!given.success) return err(describe(toInputName(given.error.issues[0]?.path), given.error));
  const upstreams: Partial<Record<Provider, URL>> = {};
  for (const provider of PROVIDERS) {
    const name = `${provider}-base-url`;
    const address = Address.safeParse(core.getInput(name) || PROVIDER_URLS[provider]);
    if (!address.success) return err(describe(name, address.error));
    upstreams[provider] = new URL(address.data);
  }
  const all = upstreams as Record<Provider, URL>;
  return ok({ ...given.data, upstreams: all, surroundings: readSurroundings(process.env, Object.values(all)) });
}

function describe(name: string, error: z.ZodError): string {
  return `The input \`${name}\` ${error.issues[0]?.message ?? "is not valid"}.`;
}

/**
 * The runner's root holds `.credentials` on a self-hosted runner. It is known by its own Node (`<root>/externals/node24/bin/node`),
 * and by `<root>/_work/_temp` where the work folder has its usual name.
 * Reads nothing but where links lead.
 */
export function readSurroundings(env: NodeJS.ProcessEnv, upstreams: readonly URL[], execPath = process.execPath): Surroundings {
  const temp = realPath(env["RUNNER_TEMP"] || tmpdir());
  const network: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined && NETWORK.test(name)) network[name] = value;
  const roots = [/^(.+)\/_work\/_temp$/.exec(temp)?.[1], /^(.+)\/externals\/node[^/]*\/bin\/node$/.exec(execPath)?.[1]];
  const hidden = [temp, env["GITHUB_WORKSPACE"], env["RUNNER_WORKSPACE"], ...roots];
  return {
    // Behind the job's own choice of Node stands the one that runs this Action.
    path: [...absolute(env["PATH"] || "/usr/bin:/bin"), dirname(execPath)].join(delimiter),
    temp,
    toolCache: realPath(env["RUNNER_TOOL_CACHE"] || temp),
    hidden: hidden.filter((it): it is string => it !== undefined && it !== "" && it !== "/"),
    githubApiUrl: (env["GITHUB_API_URL"] || "https://api.github.com").replace(/\/+$/, ""),
    network,
    // Only together with models on this machine: no real key or provider is ever used outside a sandbox.
    unsandboxed: env["AGENT_POOL_UNSANDBOXED"] === "playground" && upstreams.every(({ hostname }) => isLoopback(hostname)),
  };
}

/** A sandbox shows folders by the path they are given it by: one that a link leads to is not there. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function absolute(path: string): string[] {
  return path.split(delimiter).filter((it) => isAbsolute(it));
}

/** The first program of a name on a PATH. */
export async function findProgram(path: string, name: string): Promise<string | undefined> {
  for (const folder of absolute(path)) {
    const program = join(folder, name);
    const found = await access(program, constants.X_OK).then(() => stat(program)).catch(() => undefined); // prettier-ignore
    if (found?.isFile()) return program;
  }
  return undefined;
}

/** HTTPS without user or password; plain HTTP on this machine only (the playground). */
export function isSafeUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function toInputName(path: readonly PropertyKey[] | undefined): string {
  return String(path?.[0] ?? "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
