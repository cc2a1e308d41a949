import { Hono } from "hono";
import type { Deps } from "#app/deps.ts";
import { SECOND_MS } from "#core/wire/units.ts";

/** Anyone may ask: GitHub is asked at most this often for all of them. */
const REMEMBERED_MS = 15 * SECOND_MS;

/** `/healthz`: this process answers, and says of which commit it is. `/readyz`: it can reach its store and GitHub, and says which it can't. */
export function healthRoutes({ store, github }: Pick<Deps, "store" | "github">, release: string | null): Hono {
  const routes = new Hono();
  let asked: { readonly at: number; readonly answer: Promise<string | null> } | undefined;
  /** null where GitHub answers, else why not. */
  const askGitHub = (): Promise<string | null> => {
    if (asked === undefined || performance.now() - asked.at > REMEMBERED_MS) {
      const answer = github.readApp().then((app) => (app.ok ? null : app.error.message));
      asked = { at: performance.now(), answer };
    }
    return asked.answer;
  };
  routes.get("/healthz", (c) => c.json({ ok: true, release }));
  routes.get("/readyz", async (c) => {
    const [stored, refused] = await Promise.all([
      store.now().then(
        () => true,
        () => false,
      ),
      askGitHub(),
    ]);
    const ok = stored && refused === null;
    const why = refused === null ? {} : { why: `${refused}; check APP_ID, PRIVATE_KEY and GITHUB_API_URL` };
    return c.json({ ok, store: stored, github: refused === null, ...why }, ok ? 200 : 503);
  });
  return routes;
}
