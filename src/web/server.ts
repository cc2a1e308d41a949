import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import type { Deps } from "#app/deps.ts";
import { healthRoutes } from "./health.ts";
import { runRoutes } from "./runs.ts";

/** Everything this app serves beside the webhook, as one handler for Probot's server: true where it answered. */
export function webHandler(
  deps: Deps,
  release: string | null,
  woken: () => void,
): (request: IncomingMessage, response: ServerResponse) => Promise<true> {
  const web = new Hono();
  web.route("/", healthRoutes(deps, release));
  web.route("/", runRoutes(deps, woken));
  web.notFound((c) => c.json({ error: "not found", fix: "see the README for the addresses this app answers" }, 404));
  web.onError((error, c) => {
    deps.runtime.log.error({ err: error, path: c.req.path }, "a request failed");
    return c.json({ error: "internal error", fix: "try again; the app's log has the cause" }, 500);
  });
  const listener = getRequestListener(web.fetch);
  return async (request, response) => {
    await listener(request, response);
    return true;
  };
}
