import { type Ended, run } from "#action/runner/process.ts";

/**
 * Git outside the sandbox, on a checkout that sandboxed code has written to. Nothing the checkout or the machine says
 * may make it run a program: no hooks, no fsmonitor, no filters, no system or user configuration, no submodules, and
 * an environment in which no key exists. A written `.git/commondir` and a filter of `.gitattributes` both executed code before this.
 */
export type Git = {
  /** Its absolute path, looked up once. */
  readonly program: string;
  readonly workTree: string;
  /** A private folder the sandbox can't see; serves as HOME. */
  readonly home: string;
  readonly path: string;
};

export type GitCall = {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  readonly until: number;
  readonly signal?: AbortSignal | undefined;
  readonly keepBytes?: number;
};

const SETTINGS: readonly (readonly [string, string])[] = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.untrackedCache", "false"],
  ["core.attributesFile", "/dev/null"],
  ["core.excludesFile", "/dev/null"],
  ["core.autocrlf", "false"],
  ["core.safecrlf", "false"],
  ["core.fileMode", "true"],
  ["core.symlinks", "true"],
  ["core.protectHFS", "true"],
  ["core.protectNTFS", "true"],
  ["core.quotePath", "false"],
  ["credential.helper", ""],
  ["submodule.recurse", "false"],
  ["fetch.recurseSubmodules", "false"],
  ["diff.ignoreSubmodules", "all"],
  ["protocol.allow", "never"],
  ["protocol.https.allow", "always"],
  ["protocol.http.allow", "always"],
  ["http.followRedirects", "false"],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
  ["advice.addEmbeddedRepo", "false"],
  ["init.defaultBranch", "main"],
];

/** Runs one git command in the checkout. Never throws; the caller reads the exit code. */
export function runGit(git: Git, call: GitCall): Promise<Ended> {
  const env = {
    PATH: git.path,
    HOME: git.home,
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    GIT_DIR: `${git.workTree}/.git`,
    GIT_WORK_TREE: git.workTree,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_LFS_SKIP_SMUDGE: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_ASKPASS: "/bin/false",
    ...call.env,
  };
  const { input, until, signal, keepBytes } = call;
  const args = [...SETTINGS.flatMap(([name, value]) => ["-c", `${name}=${value}`]), ...call.args];
  return run({
    file: git.program, args, cwd: git.workTree, env, until, signal,
    ...(input === undefined ? {} : { input }), ...(keepBytes === undefined ? {} : { keepBytes }),
  }); // prettier-ignore
}

/** The parts of a NUL-separated output, as bytes: a path need not be UTF-8. */
export function splitNul(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let from = 0; from < bytes.length;) {
    const at = bytes.indexOf(0, from);
    const to = at === -1 ? bytes.length : at;
    parts.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return parts;
}
