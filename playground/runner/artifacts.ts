import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import type { RunnerHost } from "../types.ts";
import { listen } from "./listen.ts";

/** Where one job's actions send artifacts; good until disposed, at the job's end. */
export type JobArtifacts = Disposable & { readonly url: string; readonly bearer: string };

export type Artifacts = AsyncDisposable & { open(runId: number): JobArtifacts };

/** The name of a file on any system (actions/toolkit, artifact's path-and-artifact-name-validation). */
const NAME = /^[^"<>|*?:\r\n\\/]+$/;

/**
 * Takes what the upload action sends, in place of GitHub's results service behind ACTIONS_RESULTS_URL: `POST /artifacts` with the
 * archive, of which the query tells `name` and `retention_days`, answers `{ id }`.
 */
export async function startArtifacts(host: Pick<RunnerHost, "storeArtifact">): Promise<Artifacts> {
  const jobs = new Map<string, number>();

  async function store(request: IncomingMessage): Promise<readonly [status: number, body: object]> {
    const runId = jobs.get(request.headers.authorization ?? "");
    if (runId === undefined) return [401, { message: "Not authorized" }];
    const url = new URL(request.url ?? "/", "http://runner");
    if (request.method !== "POST" || url.pathname !== "/artifacts") return [404, { message: "Not Found" }];
    const name = url.searchParams.get("name") ?? "";
    if (!NAME.test(name)) return [400, { message: `The artifact name is not valid: ${name}` }];
    const retentionDays = Number(url.searchParams.get("retention_days"));
    const id = await host.storeArtifact(runId, { name, archive: await buffer(request), retentionDays });
    return id === undefined
      ? [409, { message: "Conflict: an artifact with this name already exists on the workflow run" }]
      : [201, { id }];
  }

  const server = createServer((request, response) => {
    const answer = ([status, body]: readonly [number, object]) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    store(request).then(answer, (error: unknown) => answer([500, { message: String(error) }]));
  });
  const listening = await listen(server);
  return {
    open(runId) {
      const bearer = randomBytes(32).toString("base64url");
      jobs.set(`Bearer ${bearer}`, runId);
      return { url: listening.url, bearer, [Symbol.dispose]: () => void jobs.delete(`Bearer ${bearer}`) };
    },
    [Symbol.asyncDispose]: listening.close,
  };
}
