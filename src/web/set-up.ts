import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { html } from "hono/html";
import { newAppPage, pagesOf, toManifest } from "#core/setup/app-manifest.ts";
import { isLoopback, PublicUrl } from "#core/setup/public-url.ts";
import type { CreatedApp, ReadCreatedApp } from "#ports/app-creation.ts";
import type { Log } from "#ports/runtime.ts";

/**
 * What is served while there is no App: the page that makes one, at the addresses where Probot has its own. That one can't be
 * used: it lets whoever reaches it hand in an App, takes the webhook's address from a file or from smee.io, and of the variables
 * of this app it knows none.
 */
export type SetUpSettings = {
  /** The text of app.yml. */
  readonly appYml: string;
  readonly apiUrl: string;
  /** PUBLIC_URL, which then can't be chosen on the page; empty where it isn't set. */
  readonly publicUrl: string;
  readonly readCreatedApp: ReadCreatedApp;
  /** Keeps what GitHub handed out. @returns why it can't. */
  readonly keep: (app: CreatedApp, publicUrl: string) => Promise<string | undefined>;
  readonly log: Log;
};

export type SetUpPage = {
  /**
   * Opens the page. Asked for wherever the browser is: a proxy on this machine that adds no header makes the whole world look as
   * if it were here.
   */
  readonly key: string;
  readonly listener: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Resolves with the App's page once it is made and kept. */
  readonly made: Promise<string>;
};

/** Pages that are open at once; of more the oldest are forgotten. */
const MAX_OPEN = 20;

export function makeSetUpPage(settings: SetUpSettings): SetUpPage {
  const { apiUrl, log } = settings;
  const key = randomBytes(16).toString("hex");
  const made = Promise.withResolvers<string>();
  /** By the `state` that comes back from GitHub: for which address that App is. */
  const open = new Map<string, string>();
  let kept = false;
  const web = new Hono<{ Bindings: HttpBindings }>();
  const beginAgain = html`<p><a href="../probot?key=${key}">Begin again</a></p>`;

  web.use(async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
    // The page's address holds the key.
    c.header("referrer-policy", "strict-origin");
    c.header("x-content-type-options", "nosniff");
    c.header("content-security-policy", `default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'self' ${new URL(pagesOf(apiUrl)).origin}`); // prettier-ignore
  });
  // Relative, as all addresses here: a proxy may have the app below a path.
  web.get("/", (c) => c.redirect(`probot${new URL(c.req.url).search}`));

  web.get("/probot", (c) => {
    const { key: shown, owner, url } = c.req.query();
    if (shown !== key)
      return c.html(page(html`<p>Open this page by the link that the app printed when it started: it holds a key.</p>`), 403);
    const wanted = owner?.trim() ?? "";
    const address = settings.publicUrl || (url ?? "");
    const ask = (why: string) => askPage({ key, owner: wanted, url: address, fixed: settings.publicUrl !== "", why });
    if (owner === undefined) return c.html(ask(""));
    const publicUrl = PublicUrl.safeParse(address);
    if (!publicUrl.success) return c.html(ask(`The address ${publicUrl.error.issues[0]?.message ?? "is not valid"}.`), 400);
    if (!/^[\w-]{0,39}$/.test(wanted)) return c.html(ask("The organisation should be its login, like acme."), 400);
    const state = randomBytes(16).toString("hex");
    open.set(state, publicUrl.data);
    for (const oldest of [...open.keys()].slice(0, -MAX_OPEN)) open.delete(oldest);
    const here = `http://${c.env.incoming.headers.host ?? ""}`;
    const returnUrl = `${isLoopback(here) ? here : publicUrl.data}/probot/setup`;
    const manifest = toManifest(settings.appYml, wanted, { publicUrl: publicUrl.data, returnUrl });
    return c.html(createPage(newAppPage(apiUrl, wanted, state), manifest));
  });

  web.get("/probot/setup", async (c) => {
    const { code = "", state = "" } = c.req.query();
    const publicUrl = open.get(state);
    if (publicUrl === undefined || code === "")
      return c.html(page(html`<p>GitHub sent you here for no page that this app has open. Begin again, by the link that it printed.</p>`), 400); // prettier-ignore
    const created = await settings.readCreatedApp(code);
    if (!created.ok) {
      const { message: why, reason } = created.error;
      log.warn({ why }, "GitHub did not hand out the new App");
      if (reason === "github-unavailable")
        return c.html(page(html`<p>GitHub does not answer now: ${why}. Reload this page; it may do so for an hour.</p>`), 502);
      open.delete(state);
      return c.html(
        page(
          html`<p>GitHub did not hand out the new App's key: ${why}.</p>
            ${beginAgain}`,
        ),
        502,
      );
    }
    if (kept) return c.html(page(html`<p>Another App was made meanwhile. Delete this one: ${created.value.page}</p>`), 409);
    kept = true;
    const why = await settings.keep(created.value, publicUrl);
    if (why !== undefined) {
      kept = false;
      open.delete(state);
      log.error({ why, app: created.value.page }, "the new App's key could not be kept");
      return c.html(
        page(
          html`<p>The App is made, but its key could not be kept: ${why}.</p>
            <p>Delete it at <a href="${created.value.page}">${created.value.page}</a>, mend that, and begin again.</p>
            ${beginAgain}`,
        ),
        500,
      );
    }
    // The browser may have left meanwhile.
    const done = () => made.resolve(created.value.page);
    if (c.env.outgoing.destroyed) done();
    else c.env.outgoing.once("close", done);
    c.header("connection", "close");
    return c.redirect(`${created.value.page}/installations/new`);
  });

  web.get("/healthz", (c) => c.json({ ok: true }));
  web.all("*", (c) => c.json({ ok: false, error: "there is no GitHub App yet", fix: "open the link that the app printed" }, 503));
  web.onError((error, c) => {
    log.error({ err: error, path: c.req.path }, "a request failed");
    return c.html(page(html`<p>This app failed; its log has the cause.</p>`), 500);
  });
  return { key, listener: getRequestListener(web.fetch), made: made.promise };
}

function page(content: unknown) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>agent-pool: set up</title>
        <style>
          body {
            font:
              16px/1.5 system-ui,
              sans-serif;
            max-width: 40rem;
            margin: 3rem auto;
            padding: 0 1rem;
          }
          label {
            display: block;
            margin-top: 1rem;
          }
          input {
            font: inherit;
            width: 100%;
            box-sizing: border-box;
            padding: 0.3rem;
          }
          button {
            font: inherit;
            margin-top: 1.5rem;
            padding: 0.4rem 1rem;
          }
          .wrong {
            color: #b00020;
          }
        </style>
      </head>
      <body>
        <h1>agent-pool</h1>
        ${content}
      </body>
    </html>`;
}

type Asked = {
  readonly key: string;
  readonly owner: string;
  readonly url: string;
  /** The address is PUBLIC_URL. */
  readonly fixed: boolean;
  readonly why: string;
};

function askPage({ key, owner, url, fixed, why }: Asked) {
  return page(
    html`<p>There is no GitHub App yet. GitHub makes one for you with the permissions that agent-pool needs, and no others.</p>
      <p class="wrong">${why}</p>
      <form method="get" action="">
        <input type="hidden" name="key" value="${key}" />
        <label>
          Organisation that the App is for; empty: your own account
          <input name="owner" value="${owner}" autocomplete="off" spellcheck="false" />
        </label>
        <label>
          Address by which GitHub and the runners reach this app
          <input
            name="url"
            value="${url}"
            placeholder="https://agents.example.com"
            required
            spellcheck="false"
            ${fixed ? "readonly" : ""}
          />
        </label>
        <button>Go on</button>
      </form>`,
  );
}

function createPage(action: string, manifest: Record<string, unknown>) {
  const permissions = Object.entries((manifest["default_permissions"] ?? {}) as Record<string, string>);
  return page(
    html`<p>GitHub will ask you to confirm this App:</p>
      <ul>
        <li>name: ${manifest["name"]} (you may change it there)</li>
        <li>webhooks to ${(manifest["hook_attributes"] as { readonly url: string }).url}</li>
        <li>permissions: ${permissions.map(([name, level]) => `${name} ${level}`).join(", ")}</li>
        <li>installable on this account alone</li>
        <li>afterwards it sends you back to ${manifest["redirect_url"]}: this browser must reach the app there</li>
      </ul>
      <form method="post" action="${action}">
        <input type="hidden" name="manifest" value="${JSON.stringify(manifest)}" />
        <button>Create the App on GitHub</button>
      </form>`,
  );
}
