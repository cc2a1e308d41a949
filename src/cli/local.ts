import { randomBytes } from "node:crypto";
import { chmod, rm } from "node:fs/promises";
import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { clearCredential } from "#app/clear.ts";
import { explainTask, readPools } from "#app/pool-report.ts";
import { readRoutings } from "#app/routing-report.ts";
import { reportTrial } from "#app/trial-report.ts";
import { TrialId } from "#core/wire/ids.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { Log } from "#ports/runtime.ts";
import type { Store } from "#ports/store.ts";
import { Asking } from "./trial-options.ts";

/**
 * An embedded store is one process's alone, so the command asks the process that has it: by a socket in the store's folder,
 * which is open to its owner and to nobody by network.
 */
const SOCKET = "command.sock";

/** What changes something isn't asked for by reading. */
const CHANGES = ["clear", "trial-ask", "trial-start", "trial-stop"];

/** Answers `GET /pool?of=`, `/report?of=`, `/why?of=` and `/trial?of=`, and `POST` of what changes something, as JSON, and nothing else. */
export async function serveLocal(store: Store, log: Log, directory: string): Promise<AsyncDisposable> {
  const path = join(directory, SOCKET);
  await rm(path, { force: true });
  const server = createServer((incoming, response) => {
    void answerTo(store, log, incoming).then(({ status, body }) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)),
    );
  });
  server.listen(path);
  await once(server, "listening");
  await chmod(path, 0o600);
  server.unref();
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function answerTo(
  store: Store,
  log: Log,
  { method, url: address = "/" }: IncomingMessage,
): Promise<{ readonly status: number; readonly body: unknown }> {
  try {
    const url = new URL(address, "http://local");
    const what = url.pathname.slice(1);
    if (method !== methodOf(what)) return { status: 404, body: { error: "unknown question" } };
    const answer = await ask(store, what, url.searchParams.get("of") ?? undefined);
    return answer.ok ? { status: 200, body: answer.value } : { status: 404, body: { error: answer.error } };
  } catch (error) {
    log.error({ err: error, method, address }, "a command could not be answered");
    return { status: 500, body: {} };
  }
}

function methodOf(what: string): "GET" | "POST" {
  return CHANGES.includes(what) ? "POST" : "GET";
}

/** What a command asks for, from an open store. */
export async function ask(store: Store, what: string, of: string | undefined): Promise<Result<unknown, string>> {
  if (what === "pool" || what === "report") {
    const read = await (what === "pool" ? readPools : readRoutings)(store, of);
    if (read.ok) return read;
    const known = read.error.length === 0 ? "none is known yet: label an issue first" : `there is ${read.error.join(", ")}`;
    return err(`there is no owner ${of ?? ""} here; ${known}`);
  }
  if (what === "clear" && of !== undefined) return clearCredential(store, of);
  if (what.startsWith("trial") && of !== undefined) return askOfTrial(store, what, of);
  if (what !== "why" || of === undefined) return err("unknown question");
  const explained = await explainTask(store, of);
  return explained.ok ? explained : err(`there is no task ${of}; give its id, or owner/repository#issue`);
}

/** `of`: a trial's id, or in JSON what is to be tried; that is answered with the new trial's id. */
async function askOfTrial(store: Store, what: string, of: string): Promise<Result<unknown, string>> {
  const id = TrialId(of);
  switch (what) {
    case "trial":
      return reportTrial(store, of);
    case "trial-ask": {
      const asked = Asking.safeParse(JSON.parse(of));
      if (!asked.success) return err(asked.error.issues[0]?.message ?? "this is no trial");
      const made = TrialId(`trial-${randomBytes(4).toString("hex")}`);
      await store.askTrial({ id: made, ...asked.data });
      return ok(made);
    }
    case "trial-start":
      return (await store.startTrial(id)) ? ok(of) : err(`${of} is not one that waits to be begun`);
    case "trial-stop":
      return (await store.stopTrial(id)) ? ok(of) : err(`${of} has ended, or never was`);
    default:
      return err("unknown question");
  }
}

/** The same, from the process that has the embedded store open; undefined where none has. */
export async function askRunning(
  directory: string,
  what: string,
  of: string | undefined,
): Promise<Result<unknown, string> | undefined> {
  const query = of === undefined ? "" : `?of=${encodeURIComponent(of)}`;
  const answered = await call(join(directory, SOCKET), methodOf(what), `/${what}${query}`);
  if (answered === undefined) return undefined;
  const { status, text } = answered;
  const body: unknown = JSON.parse(text);
  if (status === 200) return ok(body);
  const error: unknown = typeof body === "object" && body !== null ? Reflect.get(body, "error") : undefined;
  return err(typeof error === "string" ? error : "the app could not answer; its log says why");
}

/** undefined where nobody listens. */
async function call(
  socketPath: string,
  method: string,
  path: string,
): Promise<{ readonly status: number; readonly text: string } | undefined> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, method, path }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 500, text });
      });
    });
    asked.on("error", () => {
      resolve(undefined);
    });
    asked.end();
  });
}
