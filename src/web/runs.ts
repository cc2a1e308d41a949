import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";
import { ClaimRequest, Heartbeat, MAX_OUTCOME_BYTES, Outcome, type Refusal } from "#core/wire/contract.ts";
import { LeaseId } from "#core/wire/ids.ts";
import { PROBE_ID, ProbeRequest } from "#core/wire/probe.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { claim, type Refused } from "#app/claim.ts";
import { probe } from "#app/probe.ts";
import { authenticate, heartbeat, report } from "#app/outcome.ts";
import type { Deps } from "#app/deps.ts";
import type { LeaseRow } from "#ports/store.ts";

const SMALL_BODY = 16 * 1024;

/** The runner's routes: the only ones a job reaches, each with its own token. `woken` after what moves a task on. */
export function runRoutes(deps: Deps, woken: () => void): Hono {
  const routes = new Hono();
  const limit = (maxSize: number) =>
    bodyLimit({
      maxSize,
      onError: (c) =>
        refuse(c, { status: 413, error: `the body is over ${String(maxSize)} bytes`, fix: "report fewer or smaller changes" }),
    });

  routes.post("/runs/:attempt/claim", limit(SMALL_BODY), async (c) => {
    if (PROBE_ID.test(c.req.param("attempt"))) return refuse(c, NO_PROBE);
    const caller = readCaller(c);
    if (!caller.ok) return refuse(c, caller.error);
    const body = await readBody(c, ClaimRequest);
    if (!body.ok) return refuse(c, body.error);
    return reply(c, await claim(deps, caller.value.lease, caller.value.token, body.value), woken);
  });
  routes.post("/runs/:probe/probe", limit(SMALL_BODY), async (c) => {
    const token = readToken(c);
    if (!token.ok) return refuse(c, token.error);
    if (!PROBE_ID.test(c.req.param("probe"))) return refuse(c, NO_SUCH);
    const body = await readBody(c, ProbeRequest);
    return body.ok ? reply(c, await probe(deps, token.value)) : refuse(c, body.error);
  });
  routes.post("/runs/:attempt/heartbeat", limit(SMALL_BODY), (c) =>
    ofRun(c, Heartbeat, (lease, body) => heartbeat(deps, lease, body)),
  );
  routes.post("/runs/:attempt/outcome", limit(MAX_OUTCOME_BYTES), (c) =>
    ofRun(c, Outcome, (lease, body) => report(deps, lease, body), woken),
  );

  /** A request of a run that holds a lease: known by its token before a byte of its body is read. */
  async function ofRun<T, A extends object>(
    c: Context,
    schema: z.ZodType<T>,
    work: (lease: LeaseRow, body: T) => Promise<Result<A, Refused>>,
    then?: () => void,
  ): Promise<Response> {
    const caller = readCaller(c);
    if (!caller.ok) return refuse(c, caller.error);
    const lease = await authenticate(deps, caller.value.lease, caller.value.token);
    if (!lease.ok) return refuse(c, lease.error);
    const body = await readBody(c, schema);
    if (!body.ok) return refuse(c, body.error);
    return reply(c, await work(lease.value, body.value), then);
  }
  return routes;
}

const NO_PROBE: Refused = {
  status: 409,
  error: "this Action doesn't know probes",
  fix: "raise the commit in the workflow's `uses:` to the Action of the app's version",
};
const NO_SUCH: Refused = { status: 404, error: "no such attempt", fix: "use the attempt of the dispatch's inputs" };

function readCaller(c: Context): Result<{ lease: LeaseId; token: string }, Refused> {
  const token = readToken(c);
  if (!token.ok) return token;
  const lease = z.uuid().safeParse(c.req.param("attempt"));
  return lease.success ? ok({ lease: LeaseId(lease.data), token: token.value }) : err(NO_SUCH);
}

function readToken(c: Context): Result<string, Refused> {
  const token = /^Bearer ([\w.~+/=-]{1,8192})$/.exec(c.req.header("authorization") ?? "")?.[1];
  return token === undefined
    ? err({ status: 401, error: "no bearer token", fix: "send Authorization: Bearer <token>" })
    : ok(token);
}

async function readBody<T>(c: Context, schema: z.ZodType<T>): Promise<Result<T, Refused>> {
  const json: unknown = await c.req.json().catch(() => undefined);
  const body = schema.safeParse(json);
  if (body.success) return ok(body.data);
  const issue = body.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? "the body" : issue.path.join(".");
  const error = `${where}: ${issue?.message ?? "not of the contract"}`;
  return err({ status: 400, error, fix: "use the Action of this app's version" });
}

function reply<T extends object>(c: Context, result: Result<T, Refused>, then?: () => void): Response {
  if (!result.ok) return refuse(c, result.error);
  then?.();
  return c.json(result.value);
}

function refuse(c: Context, { status, error, fix }: Refused): Response {
  const refusal: Refusal = { error, fix };
  return c.json(refusal, status satisfies ContentfulStatusCode);
}
