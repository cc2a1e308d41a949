import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { SYSTEM_PATH } from "#action/runner/workspace.ts";
import { run } from "#action/runner/process.ts";
import type { SandboxKind } from "#core/wire/contract.ts";
import { parseRecord } from "#core/wire/json.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";
import { SECOND_MS } from "#core/wire/units.ts";
import { NODE_PROGRAM, type Sandbox, type SandboxDeps } from "./sandbox.ts";

/** `notStarted`: nothing ran in it. `leaks`: it ran, and something was other than it should. `detail` is for people. */
export type Unproven = { readonly kind: "notStarted" | "leaks"; readonly detail: string };

/**
 * Proves the sandbox before anything is spent: from inside, the gateway's place answers, and nothing else that the Action
 * defends is in reach. In claude-code-action#1547 the sandbox failed on every command and the job still said success; here
 * no proof means no run.
 */
export async function proveSandbox(sandbox: Sandbox, deps: SandboxDeps): Promise<Result<void, Unproven>> {
  const { workspace, surroundings } = deps;
  const canary = join(workspace.hidden, "canary");
  await writeFile(canary, "canary", { mode: 0o644 });
  await using allowed = await listen();
  await using other = await listen();
  // Where the kernel has IPv6; srt's namespace has a loopback of its own for both.
  await using other6 = await listen("::1").catch(() => undefined);
  await using git = await makeGitFolder(workspace.repo);
  const mark = `.agent-pool-${randomBytes(6).toString("hex")}`;
  const folders = new Set([
    workspace.hidden,
    ...surroundings.hidden,
    dirname(process.execPath),
    homedir(),
    "/etc",
    "/usr/local/bin",
  ]);
  const outside = [...folders].map((folder) => join(folder, mark));
  const facts = {
    gateway: allowed.address, others: [other.address, ...(other6 === undefined ? [] : [other6.address])], canary, outside, git: git.path, sockets: await knownSockets(),
    credentials: surroundings.hidden.map((it) => join(it, ".credentials")), ...(await ownProcess()),
  }; // prettier-ignore
  const ended = await sandbox.run({
    line: NODE_PROGRAM,
    input: `const facts = ${JSON.stringify(facts)};\n${PROBE}`,
    env: { NODE_USE_ENV_PROXY: "1", NODE_NO_WARNINGS: "1" },
    reach: { to: "gateway", address: allowed.address },
    until: performance.now() + 30 * SECOND_MS,
  });
  const written = outside.filter((path) => existsSync(path));
  for (const path of written) await rm(path, { force: true }).catch(() => {});
  const seen = parseRecord(ended.stdout.toString("utf8").trim());
  if (seen === undefined) {
    const said = cut(ended.stderr.trim().split("\n").slice(-3).join(" "), 600);
    return err({ kind: "notStarted", detail: `exit ${String(ended.exitCode)}: ${said}` });
  }
  // What was written is looked for from here: a write that only seems to succeed stays inside.
  const found = { ...seen, written: written.length > 0, git: git.isTouched() };
  const wrong = FINDINGS.filter(({ name, notOf }) => notOf !== sandbox.kind && Reflect.get(found, name) !== (name === "gateway"));
  return wrong.length === 0 ? ok(undefined) : err({ kind: "leaks", detail: wrong.map(({ says }) => says).join(", ") });
}

/** What is looked for: all of it must be impossible inside, but for the gateway. `notOf`: the kind that can't promise it. */
const FINDINGS: readonly { readonly name: string; readonly says: string; readonly notOf?: SandboxKind }[] = [
  { name: "gateway", says: "the gateway can't be reached" },
  { name: "otherPort", says: "another port of this machine can be reached" },
  { name: "foreignHost", says: "a foreign host can be reached" },
  { name: "metadata", says: "the cloud's metadata address can be reached" },
  { name: "dns", says: "a name server answers" },
  { name: "sockets", says: "a service of this machine answers on a unix socket" },
  { name: "canary", says: "the Action's own files can be read" },
  { name: "credentials", says: "the runner's credentials can be read" },
  { name: "environ", says: "the environment that holds the key can be read" },
  { name: "processes", says: "the runner's processes can be seen", notOf: "user" },
  { name: "written", says: "files outside the checkout can be written" },
  { name: "git", says: "the checkout's .git can be written" },
  { name: "sudo", says: "sudo works" },
  { name: "newPrivileges", says: "setuid programs work" },
  // srt keeps the caller's groups, and run by root leaves its command the capabilities of a namespace in which they open nothing.
  { name: "groups", says: "it is in a group beside its own", notOf: "srt" },
  { name: "capabilities", says: "it has capabilities", notOf: "srt" },
];

/** Runs inside. Each value says whether something was possible. */
const PROBE = `
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lookup, Resolver } from "node:dns/promises";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
const some = async (all, test) => (await Promise.all(all.map(test))).includes(true);
// srt's proxy answers for those it keeps away.
const get = (address) => fetch("http://" + address, { signal: AbortSignal.timeout(5000) })
  .then((it) => !it.headers.has("x-proxy-error"), () => false);
const open = (options) => new Promise((done) => {
  const socket = connect({ ...options, timeout: 3000 });
  const end = (it) => { socket.destroy(); done(it); };
  socket.on("connect", () => end(true)).on("error", () => end(false)).on("timeout", () => end(false));
});
const reach = async (host, port) => await open({ host: host.replace(/[\\[\\]]/g, ""), port }) || await get(host + ":" + port + "/");
const resolver = new Resolver({ timeout: 2000, tries: 1 });
const UNANSWERED = ["ECONNREFUSED", "ETIMEOUT", "ECANCELLED", "EDESTRUCTION", "ENETUNREACH"];
const attempt = (it) => { try { return it() ?? true; } catch { return false; } };
const read = (path) => attempt(() => readFileSync(path, "latin1")) || "";
const processes = readdirSync("/proc").filter((it) => /^[0-9]+$/.test(it));
const startOf = (pid) => Number(read("/proc/" + pid + "/stat").split(") ").at(-1).split(" ")[19]);
const status = read("/proc/self/status");
for (const path of facts.outside) attempt(() => writeFileSync(path, ""));
attempt(() => writeFileSync(facts.git + "/commondir", ""));
attempt(() => renameSync(facts.git, facts.git + "-moved"));
const byUrl = (address) => new URL("http://" + address);
const network = {
  gateway: get(facts.gateway + "/healthz"),
  otherPort: some(facts.others.map(byUrl), (it) => reach(it.hostname, Number(it.port))),
  foreignHost: some(["1.1.1.1", "example.com"], (host) => reach(host, 443)),
  metadata: some([["169.254.169.254", 80], ["168.63.129.16", 80], ["168.63.129.16", 32526]], ([host, port]) => reach(host, port)),
  dns: some([
    () => lookup("example.com").then(() => true, () => false),
    () => resolver.resolve4("example.com").then(() => true, (error) => !UNANSWERED.includes(error.code)),
  ], (it) => it()),
  sockets: some(facts.sockets, (path) => open({ path })),
};
console.log(JSON.stringify({
  ...Object.fromEntries(await Promise.all(Object.entries(network).map(async ([name, it]) => [name, await it]))),
  canary: read(facts.canary) !== "",
  credentials: facts.credentials.some((it) => read(it) !== ""),
  environ: processes.some((pid) => createHash("sha256").update(read("/proc/" + pid + "/environ"), "latin1").digest("hex") === facts.environ),
  processes: processes.some((pid) => startOf(pid) <= facts.started),
  sudo: spawnSync("sudo", ["-n", "true"]).status === 0,
  newPrivileges: !/^NoNewPrivs:\\t1$/m.test(status),
  groups: process.getgroups().some((it) => it !== process.getgid()),
  capabilities: /^Cap(?:Prm|Eff|Inh|Amb|Bnd):\\t.*[^0\\n]/m.test(status),
}));
`;

/** Of the process that holds the key: the hash of its environment as /proc shows it, and when it started, in clock ticks. */
async function ownProcess(): Promise<{ environ: string; started: number }> {
  const environ = createHash("sha256").update(await readFile("/proc/self/environ")).digest("hex"); // prettier-ignore
  const stat = await readFile("/proc/self/stat", "latin1");
  return { environ, started: Number(stat.split(") ").at(-1)?.split(" ")[19]) };
}

/**
 * The unix sockets of this network namespace that listen, by the kernel's table (`Num RefCount Protocol Flags Type St Inode
 * Path`, __SO_ACCEPTCON in Flags, `@` before an abstract name), and what stands where sockets do: one that was mounted into a container
 * (`docker.sock` in GitHub's) listens in another namespace and is in no table here.
 */
async function knownSockets(): Promise<string[]> {
  const table = await readFile("/proc/net/unix", "latin1").catch(() => "");
  const rows = [...table.matchAll(/^\S+ \S+ \S+ 00010000 \S+ \S+ +\d+ ([/@].*)$/gm)];
  const until = performance.now() + 10 * SECOND_MS;
  const args = ["/run", "/tmp", "-maxdepth", "3", "-type", "s", "-print0"];
  const files = await run({ file: "find", args, cwd: "/", env: { PATH: SYSTEM_PATH }, until });
  const paths = files.stdout.toString("utf8").split("\0").filter((it) => it !== ""); // prettier-ignore
  return [...new Set([...rows.map(([, path = ""]) => path.replace(/^@/, "\0")), ...paths])];
}

/** The checkout comes after the proof, so it stands in for its .git. */
async function makeGitFolder(repo: string): Promise<AsyncDisposable & { readonly path: string; isTouched(): boolean }> {
  const path = join(repo, ".git");
  const made = await mkdir(join(path, "hooks"), { recursive: true });
  // srt binds these two whatever else is read-only, and can't create them there.
  if (made === path) await writeFile(join(path, "config"), "");
  const touched = [join(path, "commondir"), `${path}-moved`];
  return {
    path,
    isTouched: () => touched.some((it) => existsSync(it)),
    async [Symbol.asyncDispose]() {
      for (const it of [...touched, ...(made === path ? [path] : [])]) await rm(it, { recursive: true, force: true });
    },
  };
}

/** Answers 200 to anything, by default on the gateway's own address. */
async function listen(host = "127.0.0.2"): Promise<AsyncDisposable & { readonly address: string }> {
  const server = createServer((_request, response) => void response.end("ok"));
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `${host.includes(":") ? `[${host}]` : host}:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
