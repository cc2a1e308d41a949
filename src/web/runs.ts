import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";
import { ClaimRequest, Heartbeat, MAX_OUTCOME_BYTES, Outcome, type Refusal } from "#core/wire/contract.ts";
import { AttemptId } from "#core/wire/ids.ts";
import type { Result } from "#core/wire/result.ts";
import { claim, type Refused } from "#app/claim.ts";
import { heartbeat, report } from "#app/outcome.ts";
import type { Deps } from "#app/deps.ts";

const SMALL_BODY = 16 * 1024;

/** The runner's three routes: the only ones a job reaches, each with its own token. `woken` after what moves a task on. */
export function runRoutes(deps: Deps, woken: () => void): Hono {
  const routes = new Hono();
  const limit = (maxSize: number) =>
    bodyLimit({
      maxSize,
      onError: (c) =>
        refuse(c, { status: 413, error: `the body is over ${String(maxSize)} bytes`, fix: "report fewer or smaller changes" }),
    });

  routes.post("/runs/:attempt/claim", limit(SMALL_BODY), async (c) => {
    const request = await readRequest(c, ClaimRequest);
    if (!request.ok) return refuse(c, request.error);
    return reply(c, await claim(deps, request.value.attempt, request.value.token), woken);
  });
  routes.post("/runs/:attempt/heartbeat", limit(SMALL_BODY), async (c) => {
    const request = await readRequest(c, Heartbeat);
    if (!request.ok) return refuse(c, request.error);
    return reply(c, await heartbeat(deps, request.value.attempt, request.value.token));
  });
  routes.post("/runs/:attempt/outcome", limit(MAX_OUTCOME_BYTES), async (c) => {
    const request = await readRequest(c, Outcome);
    if (!request.ok) return refuse(c, request.error);
    return reply(c, await report(deps, request.value.attempt, request.value.token, request.value.body), woken);
  });
  return routes;
}

type Request<T> = { attempt: AttemptId; token: string; body: T };

/** The token before the body: who has none learns nothing of the contract. */
async function readRequest<T>(c: Context, schema: z.ZodType<T>): Promise<Result<Request<T>, Refused>> {
  const token = /^Bearer ([\w.~+/=-]{1,8192})$/.exec(c.req.header("authorization") ?? "")?.[1];
  if (token === undefined) {
    return { ok: false, error: { status: 401, error: "no bearer token", fix: "send Authorization: Bearer <token>" } };
  }
  const attempt = z.uuid().safeParse(c.req.param("attempt"));
  if (!attempt.success)
    return { ok: false, error: { status: 404, error: "no such attempt", fix: "use the attempt of the dispatch's inputs" } };
  const json: unknown = await c.req.json().catch(() => undefined);
  const body = schema.safeParse(json);
  if (!body.success) {
    const issue = body.error.issues[0];
    const where = issue === undefined || issue.path.length === 0 ? "the body" : issue.path.join(".");
    return {
      ok: false,
      error: {
        status: 400,
        error: `${where}: ${issue?.message ?? "not of the contract"}`,
        fix: "use the Action of this app's version",
      },
    };
  }
  return { ok: true, value: { attempt: AttemptId(attempt.data), token, body: body.data } };
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
