import { randomBytes } from "node:crypto";
import { access, chmod, lstat, mkdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { removeTree, type Workspace } from "#action/runner/workspace.ts";
import { lastLine } from "#action/runner/failure.ts";
import { ownedBy } from "#action/runner/family.ts";
import { type Command, type Ended, quote, run } from "#action/runner/process.ts";
import type { Tool } from "#action/tools.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { startRegistryProxy } from "./registry-proxy.ts";
import { baseEnv, type Reach, type Sandbox, type SandboxDeps, type SandboxedCommand, toRun } from "./sandbox.ts";

/**
 * The sandbox where the kernel refuses user namespaces: a user of its own for this job. It has no groups, no capabilities,
 * no way to new privileges, and by the packet filter no network but one port of 127.0.0.2. Files change hands: the checkout
 * (but for `.git` and `.github`), HOME and TMPDIR are the user's while a command runs, and ours again once all its processes are dead.
 * Weaker than namespaces: what anyone may read or write on this machine, it may. What it must not do is proven like srt's.
 */
export type OtherUser = Sandbox & AsyncDisposable;

const SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin";

/** Nothing of `env` or argv is secret, and nothing here is a command line that someone else wrote. */
type AsRoot = (file: string, ...args: readonly string[]) => Promise<Ended>;

const PREFIX = process.getuid?.() === 0 ? [] : ["sudo", "-n"];

const asRoot: AsRoot = (...words) => {
  const [file = "", ...args] = [...PREFIX, ...words];
  return run({ file, args, cwd: "/", env: { PATH: SYSTEM, LC_ALL: "C" }, until: performance.now() + 5 * MINUTE_MS });
};

/** Throws: a step that has to be taken back, or kept from happening, is no step that may fail quietly. */
async function must(...words: Parameters<AsRoot>): Promise<void> {
  const ended = await asRoot(...words);
  if (ended.exitCode !== 0) throw new Error(`${words.join(" ")}: ${lastLine(ended.stderr) || String(ended.exitCode)}`);
}

/**
 * Effects: a user, and rules of the packet filter, until disposed.
 * @returns why it can't be had on this machine, otherwise: for people, with what to do.
 */
export async function makeOtherUser(deps: SandboxDeps, srt: Tool): Promise<Result<OtherUser, string>> {
  if ((await asRoot("true")).exitCode !== 0)
    return err("there is neither root nor passwordless sudo to set up a separate user with");
  // Files change hands by chown, as root: a hard link to a file of ours must not be possible.
  if ((await readFile("/proc/sys/fs/protected_hardlinks", "utf8").catch(() => "")).trim() !== "1")
    return err("anyone may link to anyone's files: set `fs.protected_hardlinks=1`");
  const name = `ap-${randomBytes(4).toString("hex")}`;
  const added = await asRoot("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", deps.workspace.home, "--shell", "/usr/sbin/nologin", name); // prettier-ignore
  if (added.exitCode !== 0) return err(`no user could be added: ${lastLine(added.stderr)}`);
  const ids = (await readFile("/etc/passwd", "utf8")).split("\n").find((it) => it.startsWith(`${name}:`))?.split(":"); // prettier-ignore
  const who: Who = { name, uid: Number(ids?.[2]), gid: Number(ids?.[3]) };
  const closed = await closeNetwork(who);
  if (!closed.ok) {
    await removeUser(who);
    return closed;
  }
  const filter = join(dirname(srt.executable), "../vendor/seccomp/x64/apply-seccomp");
  // Where root may make namespaces: no unix sockets, and a view of its own processes alone. Where not, the proof decides.
  const filtered = (await asRoot(filter, "/bin/true")).exitCode === 0 ? [filter] : [];
  const [file, ...args] = [...PREFIX, ...filtered, ...asUser(who), "env", "-i", "/bin/bash"];
  const sandbox: OtherUser = {
    kind: "user",
    run: (command) => runAs(deps, who, { file, args }, command),
    async [Symbol.asyncDispose]() {
      await reap(who);
      await openNetwork(who);
      await removeUser(who);
    },
  };
  const unread = await sandbox.run({
    line: [process.execPath, srt.executable].map((it) => `[ -r ${quote(it)} ] || echo ${quote(it)}`).join("; "),
    reach: { to: "nothing" },
    until: performance.now() + MINUTE_MS,
  });
  if (unread.exitCode === 0 && unread.stdout.length === 0) return ok(sandbox);
  await sandbox[Symbol.asyncDispose]();
  const what = lastLine(unread.stdout.toString("utf8")) || lastLine(unread.stderr);
  return err(`a separate user can't reach \`${what}\`: install the runner outside a closed home folder, for example in /opt`);
}

type Who = { readonly name: string; readonly uid: number; readonly gid: number };

function asUser({ uid, gid }: Who): string[] {
  return ["setpriv", "--reuid", `${uid}`, "--regid", `${gid}`, "--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"]; // prettier-ignore
}

async function removeUser({ name }: Who): Promise<void> {
  await asRoot("userdel", name);
  await asRoot("groupdel", name); // where login.defs doesn't let userdel do it
}

async function runAs(
  deps: SandboxDeps,
  who: Who,
  shell: Pick<Command, "file" | "args">,
  command: SandboxedCommand,
): Promise<Ended> {
  const { workspace } = deps;
  await using _hidden = await hide(workspace, command.hides ?? []);
  await using _lent = await handOver(workspace, who);
  await using gate = await openGate(command.reach, who);
  // In a file, since every user of the machine sees what stands in argv.
  const script = join(workspace.given, `command-${randomBytes(6).toString("hex")}.sh`);
  const env = { ...baseEnv(deps, command), TMPDIR: workspace.tmp, ...gate.env, ...TRUST_CHECKOUT };
  const lines = [
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}`),
    `exec bash -c ${quote(command.line)}`,
  ];
  await writeFile(script, `${lines.join("\n")}\n`, { mode: 0o440 });
  await must("chgrp", `${who.gid}`, script);
  const user = { uid: who.uid, end: (signal: "TERM" | "KILL") => signalAll(who, signal) };
  const args = [...shell.args, script];
  const ended = await run({ ...toRun(command), file: shell.file, args, cwd: workspace.repo, env: { PATH: SYSTEM }, user });
  await reap(who);
  await rm(script, { force: true });
  return ended;
}

/** Git looks at no repository of another user's, and `.git` stays ours. */
const TRUST_CHECKOUT = { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" };

/** Everything of the user's, and nothing else: `-1` is whom the caller may signal, and the caller is that user. */
async function signalAll(who: Who, signal: "TERM" | "KILL"): Promise<void> {
  const [file = "", ...args] = asUser(who);
  await asRoot(file, ...args, "/bin/bash", "-c", `kill -${signal} -1`);
}

const REAP_TRIES = 100;

async function reap(who: Who): Promise<void> {
  for (let tries = 0; (await ownedBy(who.uid)).length > 0; tries += 1) {
    if (tries === REAP_TRIES) throw new Error("processes of the sandbox can't be ended");
    await signalAll(who, "KILL");
    await sleep(50);
  }
}

/** What the command doesn't see of the checkout is elsewhere meanwhile; what it puts there is dropped. */
async function hide(workspace: Workspace, names: readonly string[]): Promise<AsyncDisposable> {
  const aside = join(workspace.hidden, `unseen-${randomBytes(6).toString("hex")}`);
  await mkdir(aside);
  const moved: [string, string][] = [];
  for (const [at, name] of names.entries()) {
    const [path, kept] = [join(workspace.repo, name), join(aside, `${at}`)];
    const found = await lstat(path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ENOENT") throw cause;
    });
    if (found === undefined) continue;
    // A folder can be moved elsewhere only by who may write to it, and set-up can forbid that.
    if (found.isDirectory()) await chmod(path, 0o700);
    await rename(path, kept);
    moved.push([path, kept]);
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const [path, kept] of moved) {
        await removeTree(path);
        await rename(kept, path);
      }
      await rmdir(aside);
    },
  };
}

/**
 * `.git` and `.github` stay ours, and so does the checkout's root: sticky, so that nobody else moves them. Only the user's
 * group enters the folders at all.
 */
async function handOver(workspace: Workspace, who: Who): Promise<AsyncDisposable> {
  const { repo, home, tmp, given } = workspace;
  const own = [join(repo, ".git"), join(repo, ".github")];
  const github = await mkdir(own[1] ?? "").then(() => own[1], () => undefined); // prettier-ignore
  const ours = `${process.getuid?.()}:${process.getgid?.()}`;
  const theirs = `${who.uid}:${who.gid}`;
  await must("chgrp", `${who.gid}`, dirname(repo), repo);
  await chmod(dirname(repo), 0o710);
  await chmod(repo, 0o1770);
  await must("chgrp", "-R", `${who.gid}`, given);
  await must("chmod", "-R", "g+rX", given);
  const except = own.flatMap((it) => ["-path", it, "-prune", "-o"]);
  await must("find", repo, home, tmp, "-path", repo, "-o", ...except, "-user", `${process.getuid?.()}`, "-exec", "chown", "-h", theirs, "{}", "+"); // prettier-ignore
  return {
    async [Symbol.asyncDispose]() {
      await must("find", repo, home, tmp, "-user", `${who.uid}`, "-exec", "chown", "-h", ours, "{}", "+");
      await chmod(repo, 0o700);
      if (github !== undefined) await rmdir(github);
    },
  };
}

const FILTERS = ["iptables", "ip6tables"] as const;
type Filter = (typeof FILTERS)[number];

/** Errors: what is missing. */
async function closeNetwork(who: Who): Promise<Result<void, string>> {
  // Without IPv6 in the kernel there is nothing to close, and ip6tables has nothing to work on.
  const hasIpv6 = await access("/proc/net/if_inet6").then(() => true, () => false); // prettier-ignore
  for (const filter of FILTERS) {
    if (filter === "ip6tables" && !hasIpv6) continue;
    const closed = await rule(filter, "-I", who, ["-j", "REJECT"]);
    if (closed.exitCode === 0) continue;
    await openNetwork(who);
    return err(
      `its network can't be closed (${filter}: ${lastLine(closed.stderr)}): install iptables, and in a container give NET_ADMIN`,
    );
  }
  return ok(undefined);
}

async function openNetwork(who: Who): Promise<void> {
  for (const filter of FILTERS) await rule(filter, "-D", who, ["-j", "REJECT"]);
}

/** Before all other rules (`-I`): one that accepts what is known already would let it pass. */
function rule(filter: Filter, change: "-I" | "-D", who: Who, rest: readonly string[]): Promise<Ended> {
  return asRoot(filter, "-w", change, "OUTPUT", "-m", "owner", "--uid-owner", `${who.uid}`, ...rest);
}

type Gate = AsyncDisposable & { readonly env: Readonly<Record<string, string>> };

async function openGate(reach: Reach, who: Who): Promise<Gate> {
  if (reach.to === "nothing") return { env: {}, [Symbol.asyncDispose]: () => Promise.resolve() };
  const proxy = reach.to === "registries" ? await startRegistryProxy() : undefined;
  const [host = "", port = ""] = (reach.to === "gateway" ? reach.address : (proxy?.address ?? "")).split(":");
  const accept = ["-o", "lo", "-p", "tcp", "-d", host, "--dport", port, "-j", "ACCEPT"];
  const opened = await rule("iptables", "-I", who, accept);
  if (opened.exitCode !== 0) throw new Error(`iptables: ${lastLine(opened.stderr)}`);
  const url = `http://${host}:${port}`;
  return {
    env: proxy === undefined ? {} : { HTTPS_PROXY: url, https_proxy: url },
    async [Symbol.asyncDispose]() {
      const shut = await rule("iptables", "-D", who, accept);
      await proxy?.[Symbol.asyncDispose]();
      if (shut.exitCode !== 0) throw new Error(`iptables: ${lastLine(shut.stderr)}`);
    },
  };
}
