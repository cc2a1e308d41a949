import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import type { Workspace } from "#action/runner/workspace.ts";
import type { Most } from "#action/runner/family.ts";
import { findProgram, type Surroundings } from "#action/runner/inputs.ts";
import { type Ended, run } from "#action/runner/process.ts";
import type { Tool } from "#action/tools.ts";
import type { SandboxKind } from "#core/wire/contract.ts";

/** Where everything the model or the repository can influence runs. */
export type Sandbox = {
  readonly kind: SandboxKind;
  run(command: SandboxedCommand): Promise<Ended>;
};

export type SandboxedCommand = {
  /** A shell command line. */
  readonly line: string;
  readonly reach: Reach;
  /** Of the checkout, what it doesn't see. */
  readonly hides?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly until: number;
  readonly signal?: AbortSignal | undefined;
  readonly keepBytes?: number;
  readonly most?: Most;
};

/** What the command may talk to: the gateway alone, package registries alone, or nothing. */
export type Reach =
  | { readonly to: "gateway"; readonly address: string }
  | { readonly to: "registries" }
  | { readonly to: "nothing" };

export type SandboxDeps = {
  readonly surroundings: Surroundings;
  readonly workspace: Workspace;
  readonly toolFolders: readonly string[];
};

/** Hosts that hand out packages by name; open only during `setup`, before any model call. */
export const REGISTRIES: readonly string[] = [
  "registry.npmjs.org", "registry.yarnpkg.com", "pypi.org", "files.pythonhosted.org", "index.crates.io", "static.crates.io",
  "proxy.golang.org", "sum.golang.org", "rubygems.org", "index.rubygems.org", "repo.maven.apache.org", "repo1.maven.org",
  "plugins.gradle.org", "services.gradle.org", "api.nuget.org", "repo.packagist.org", "hex.pm", "repo.hex.pm",
]; // prettier-ignore

const HIDDEN = ["/home", "/root", "/mnt", "/media", "/srv", "/tmp", "/var/tmp", "/run"];

/** Builds the sandbox on srt (bubblewrap, seccomp and its filtering proxy). */
export function makeSandbox(deps: SandboxDeps, srt: Tool): Sandbox {
  const { workspace } = deps;
  return {
    kind: "srt",
    async run(command) {
      const settings = join(workspace.hidden, `srt-${randomBytes(6).toString("hex")}.json`);
      await writeFile(settings, JSON.stringify(toSettings(deps, srt, command)), { mode: 0o600 });
      // srt's TMPDIR holds the sockets of its own bridge: hidden by denyRead, all networking fails silently.
      const env = { ...baseEnv(deps, command), TMPDIR: workspace.sockets, CLAUDE_CODE_TMPDIR: workspace.tmp };
      const args = [srt.executable, "--settings", settings, "-c", command.line];
      return run({ ...toRun(command), file: process.execPath, args, cwd: workspace.repo, env });
    },
  };
}

/** No sandbox at all: the playground's scripted model only (see `Surroundings.unsandboxed`). */
export function makeBareRunner(deps: SandboxDeps): Sandbox {
  const { workspace } = deps;
  return {
    kind: "none",
    run: (command) =>
      run({
        ...toRun(command),
        file: "/bin/bash",
        args: ["-c", command.line],
        cwd: workspace.repo,
        env: { ...baseEnv(deps, command), TMPDIR: workspace.tmp },
      }),
  };
}

/** Of a command, what every kind hands on as it is. */
export function toRun(
  command: SandboxedCommand,
): Pick<Parameters<typeof run>[0], "until" | "signal" | "input" | "keepBytes" | "most"> {
  const { until, signal, input, keepBytes, most } = command;
  return { until, signal, most, ...(input === undefined ? {} : { input }), ...(keepBytes === undefined ? {} : { keepBytes }) };
}

/** The whole environment of a sandboxed command: nothing is inherited, and no value here is a secret. */
export function baseEnv(deps: SandboxDeps, command: SandboxedCommand): Record<string, string> {
  const { path, network } = deps.surroundings;
  // A company's own certificate authority is needed to install packages; proxies and registry tokens stay outside.
  const trust =
    command.reach.to === "registries"
      ? Object.entries(network).filter(([name]) => /cert|_cainfo$/i.test(name) && !/^npm_/i.test(name))
      : [];
  return {
    PATH: path,
    HOME: deps.workspace.home,
    LANG: "C.UTF-8",
    TERM: "dumb",
    CI: "true",
    ...Object.fromEntries(trust),
    ...command.env,
  };
}

function toSettings(deps: SandboxDeps, srt: Tool, { reach, hides = [] }: SandboxedCommand): unknown {
  const { workspace, surroundings } = deps;
  const allowedDomains =
    reach.to === "gateway" ? [reach.address] : reach.to === "registries" ? REGISTRIES.map((host) => `${host}:443`) : [];
  const readable = [
    workspace.repo,
    workspace.home,
    workspace.tmp,
    workspace.given,
    workspace.sockets,
    srt.folder,
    ...deps.toolFolders,
  ];
  // Programs may be installed below /home or the runner's own folder; what is on the PATH holds programs, not secrets.
  const programs = surroundings.path.split(delimiter);
  return {
    network: { allowedDomains, deniedDomains: [], strictAllowlist: true },
    filesystem: {
      denyRead: [...new Set([...HIDDEN, ...surroundings.hidden, ...hides.map((name) => join(workspace.repo, name))])],
      allowRead: [...new Set([...readable, ...programs, nodeHome(), ...toolCaches(surroundings)])],
      allowWrite: [workspace.repo, workspace.home, workspace.tmp],
      // All of .git, not srt's own choice of two entries: a written .git/commondir ran code outside.
      denyWrite: [join(workspace.repo, ".git"), join(workspace.repo, ".github")],
    },
  };
}

/** Node with its npm: `…/bin/node` → `…`, unless that is the system's own root or /usr. */
function nodeHome(): string {
  const bin = dirname(process.execPath);
  return bin.endsWith("/bin") && bin.split("/").length > 3 ? dirname(bin) : bin;
}

/** The tools that set-up actions installed. Never the temporary folder that stands in for a missing tool cache. */
function toolCaches(surroundings: Surroundings): string[] {
  return surroundings.toolCache === surroundings.temp ? [] : [surroundings.toolCache];
}

/** A command line for the sandbox: a program of ours, given on its input. */
export const NODE_PROGRAM = `'${process.execPath}' --input-type=module -`;

const SYSTEM_TOOLS = ["bwrap", "socat", "rg"] as const;

/** What srt calls and the runner lacks. */
export async function missingPrograms(path: string): Promise<string[]> {
  const found = await Promise.all(SYSTEM_TOOLS.map((name) => findProgram(path, name)));
  return SYSTEM_TOOLS.filter((_, at) => found[at] === undefined);
}
