import { Hono } from "hono";
import type { Deps } from "#app/deps.ts";

/** `/healthz`: this process answers. `/readyz`: it can reach its store and GitHub, and says which it can't. */
export function healthRoutes({ store, github }: Pick<Deps, "store" | "github">): Hono {
  const routes = new Hono();
  routes.get("/healthz", (c) => c.json({ ok: true }));
  routes.get("/readyz", async (c) => {
    const [stored, reached] = await Promise.all([
      store.now().then(
        () => true,
        () => false,
      ),
      github.readApp().then((app) => app.ok),
    ]);
    return c.json({ ok: stored && reached, store: stored, github: reached }, stored && reached ? 200 : 503);
  });
  return routes;
}
