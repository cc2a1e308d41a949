import { spawn } from "node:child_process";
import type { IncomingMessage } from "node:http";
import { relative } from "node:path";
import type { Answer } from "./answers.ts";
import { actorOf, type Caller } from "./credentials.ts";
import { listRefs } from "./git-repository.ts";
import { holds, sees } from "./permissions.ts";
import { pushed } from "./refs.ts";
import { atLeast } from "./rank.ts";
import { findRepository, fullName, roleOf, type GitHub, type Repository } from "./state.ts";

export type GitRequest = {
  readonly route: string;
  readonly owner: string;
  readonly name: string;
  readonly service: string;
  readonly rest: string;
};

/** Recognises git's smart protocol: `/{owner}/{repo}.git/info/refs?service=…` and the two services. */
export function parseGitRequest(method: string, path: string, query: URLSearchParams): GitRequest | undefined {
  const found = /^\/([^/]+)\/([^/]+)\.git\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(path);
  if (found === null) return undefined;
  const [, owner = "", name = "", rest = ""] = found;
  const service = rest === "info/refs" ? (query.get("service") ?? "") : rest;
  return { route: `${method} /{owner}/{repo}.git/${rest}`, owner, name, service, rest };
}

/** Why a caller may not; undefined when it may. GitHub hides what a token can't see as 404, and asks who anonymous is. */
function refuse(
  github: GitHub,
  repository: Repository | undefined,
  service: string,
  caller: Caller,
): { status: number; text: string } | undefined {
  const push = service === "git-receive-pack";
  if (caller.party === "anonymous") {
    const open = caller.refused === undefined && repository?.private === false && !push;
    return open
      ? undefined
      : { status: 401, text: caller.refused === undefined ? "Repository not found." : "Invalid username or token." };
  }
  if (caller.party === "app-jwt") return { status: 401, text: "Invalid username or token." };
  if (repository === undefined || !sees(github, caller, repository)) return { status: 404, text: "Repository not found." };
  const level = push ? "write" : "read";
  const allowed =
    caller.party === "user"
      ? atLeast(roleOf(github, repository, caller.account), level)
      : holds(caller.token.permissions, "contents", level);
  const denied = push
    ? `Permission to ${fullName(repository)}.git denied to ${actorOf(github, caller).login}.`
    : "Write access to repository not granted.";
  return allowed ? undefined : { status: 403, text: denied };
}

/** Answers with `git http-backend`, over the same bare repository that the Git Data API writes. */
export async function answerGit(
  github: GitHub,
  git: GitRequest,
  caller: Caller,
  incoming: IncomingMessage,
  body: Buffer,
): Promise<Answer> {
  const repository = findRepository(github, git.owner, git.name);
  const refused = refuse(github, repository, git.service, caller);
  if (refused !== undefined || repository === undefined) {
    const { status, text } = refused ?? { status: 404, text: "Repository not found." };
    const headers = status === 401 ? { "www-authenticate": 'Basic realm="GitHub"' } : {};
    return { status, body: Buffer.from(`${text}\n`), headers: { "content-type": "text/plain", ...headers } };
  }
  const before = new Map((await listRefs(repository.git)).map(({ ref, sha }) => [ref, sha]));
  // Who is anonymous reads, and nobody asks who that was.
  const sender = caller.party === "user" ? caller.account : github.app.bot;
  const answer = await runBackend(github, repository, git, sender.login, incoming, body);
  if (git.rest === "git-receive-pack") await pushed(github, repository, before, sender);
  return answer;
}

async function runBackend(
  github: GitHub,
  repository: Repository,
  git: GitRequest,
  user: string,
  incoming: IncomingMessage,
  body: Buffer,
): Promise<Answer> {
  const header = (name: string): string => {
    const value = incoming.headers[name];
    return typeof value === "string" ? value : "";
  };
  const child = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"] ?? "",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_PROJECT_ROOT: github.options.dataDir,
      GIT_HTTP_EXPORT_ALL: "1",
      REMOTE_USER: user,
      PATH_INFO: `/${relative(github.options.dataDir, repository.git.dir)}/${git.rest}`,
      QUERY_STRING: new URL(incoming.url ?? "/", "http://localhost").search.slice(1),
      REQUEST_METHOD: incoming.method ?? "GET",
      CONTENT_TYPE: header("content-type"),
      CONTENT_LENGTH: String(body.length),
      HTTP_CONTENT_ENCODING: header("content-encoding"),
      GIT_PROTOCOL: header("git-protocol"),
    },
  });
  const out: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.resume();
  child.stdin.on("error", () => undefined);
  child.stdin.end(body);
  await new Promise<void>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => {
      resolve();
    });
  });
  return parseCgi(Buffer.concat(out));
}

/** A CGI answer: header lines, an empty line, the body. */
function parseCgi(output: Buffer): Answer {
  const end = output.indexOf("\r\n\r\n");
  const headers: Record<string, string> = {};
  let status = end < 0 ? 500 : 200;
  for (const line of output.subarray(0, Math.max(end, 0)).toString().split("\r\n")) {
    const at = line.indexOf(":");
    const name = line.slice(0, at).toLowerCase();
    if (name === "status") status = Number.parseInt(line.slice(at + 1), 10);
    else if (at > 0) headers[name] = line.slice(at + 1).trim();
  }
  return { status, headers, body: output.subarray(end < 0 ? 0 : end + 4) };
}
