import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { startGitHub } from "#playground/github/server.ts";
import { ROOT } from "#playground/world.ts";
import { sampleFiles } from "./sample.ts";

export type Ran = { readonly code: number | null; readonly out: string; readonly err: string };

/** The command as an operator runs it, in a folder of their own, with their token and nothing else of this process's environment. */
export async function runCommand(
  folder: string,
  args: readonly string[],
  { env, input = "" }: { readonly env: Readonly<Record<string, string>>; readonly input?: string },
): Promise<Ran> {
  const child = spawn(process.execPath, [join(ROOT, "bin/agent-pool.js"), ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(input);
  const [[code], out, err] = await Promise.all([
    once(child, "exit") as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, out, err };
}

/** The same in a terminal, by someone who types each answer once they have read the question. */
export async function typeCommand(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  answers: readonly (readonly [RegExp, string])[],
): Promise<{ readonly code: number | null; readonly out: string }> {
  const line = [process.execPath, join(ROOT, "bin/agent-pool.js"), ...args].map((word) => `'${word}'`).join(" ");
  // util-linux's script gives it a terminal of its own.
  const child = spawn("script", ["--quiet", "--return", "--command", line, "/dev/null"], {
    cwd: folder,
    env: { PATH: process.env["PATH"], TERM: "xterm", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit") as Promise<[number | null]>;
  const left = [...answers];
  let out = "";
  let read = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString("utf8");
    const [next] = left;
    if (next === undefined || !next[0].test(out.slice(read))) return;
    left.shift();
    read = out.length;
    child.stdin.write(next[1]);
  });
  const [code] = await exited;
  return { code, out };
}

export const KEY = "sk-ant-api03-0123456789abcdef";

/** An organisation on GitHub with a repository and an owner, ada; nothing of agent-pool's. */
export async function makeOrganisation() {
  const stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "agent-pool-operator-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const github = stack.use(
    await startGitHub({
      appManifest: join(ROOT, "app.yml"),
      dataDir: join(folder, "github"),
      webhook: { url: "http://127.0.0.1:9/nobody", secret: "none" },
      app: { id: 77, slug: "agent-pool" },
    }),
  );
  await github.createOwner({ login: "acme", kind: "Organization" });
  await github.createRepository({ owner: "acme", name: "web", private: true, files: sampleFiles() });
  await github.createPerson("ada");
  github.setOrganizationRole("acme", "ada", "admin");
  let token = github.personToken("ada", ["repo", "workflow", "read:org", "delete_repo"]);
  const env = () => ({ GH_TOKEN: token, GITHUB_API_URL: github.url, PUBLIC_URL: "https://pool.example.com" });
  return {
    github,
    folder,
    /** With which token commands run from now on. */
    useToken: (value: string) => void (token = value),
    run: (args: string, input?: string) =>
      runCommand(folder, args.split(" "), { env: env(), ...(input === undefined ? {} : { input }) }),
    type: (args: string, answers: readonly (readonly [RegExp, string])[]) => typeCommand(folder, args.split(" "), env(), answers),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
