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
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
