import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
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
  /** PUBLIC_URL and the owner, as far as they are set: what the page begins with. */
  readonly publicUrl: string;
  readonly owner: string;
  readonly readCreatedApp: ReadCreatedApp;
  /** Keeps what GitHub handed out. @returns why it can't. */
  readonly keep: (app: CreatedApp, publicUrl: string) => Promise<string | undefined>;
  readonly log: Log;
};

export type SetUpPage = {
  /** Opens the page from elsewhere than this machine. */
  readonly key: string;
  readonly listener: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Resolves with the App's page once it is made and kept. */
  readonly made: Promise<string>;
};

/** Pages that are open at once; of more the oldest are forgotten. */
const MAX_OPEN = 20;

type Web = Context<{ Bindings: HttpBindings }>;

export function makeSetUpPage(settings: SetUpSettings): SetUpPage {
  const { apiUrl, log } = settings;
  const key = randomBytes(16).toString("hex");
  const made = Promise.withResolvers<string>();
  /** By the `state` that comes back from GitHub: for which address that App is. */
  const open = new Map<string, string>();
  const web = new Hono<{ Bindings: HttpBindings }>();

  web.use(async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
    // The page's address may hold the key.
    c.header("referrer-policy", "no-referrer");
    c.header("x-content-type-options", "nosniff");
    c.header("content-security-policy", `default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'self' ${new URL(pagesOf(apiUrl)).origin}`); // prettier-ignore
  });
  web.get("/", (c) => c.redirect(`/probot${new URL(c.req.url).search}`));

  web.get("/probot", (c) => {
    const { key: shown, owner, url } = c.req.query();
    if (shown !== key && !isHere(c))
      return c.html(page(html`<p>Open this page by the link that the app printed when it started: it holds a key.</p>`), 403);
    const wanted = owner?.trim() ?? settings.owner;
    const address = PublicUrl.safeParse(url ?? settings.publicUrl);
    const askAgain = (why: string) => c.html(askPage({ key: shown ?? "", owner: wanted, url: url ?? settings.publicUrl, why }), why === "" ? 200 : 400); // prettier-ignore
    if (owner === undefined || url === undefined) return askAgain("");
    if (!address.success) return askAgain(`The address ${address.error.issues[0]?.message ?? "is not valid"}.`);
    if (!/^[\w-]{0,39}$/.test(wanted)) return askAgain("The organisation should be its login, like acme.");
    const state = randomBytes(16).toString("hex");
    open.set(state, address.data);
    for (const oldest of [...open.keys()].slice(0, -MAX_OPEN)) open.delete(oldest);
    const manifest = toManifest(settings.appYml, wanted, {
      publicUrl: address.data,
      returnUrl: `${hereFor(c, address.data)}/probot/setup`,
    });
    return c.html(createPage(newAppPage(apiUrl, wanted, state), manifest));
  });

  web.get("/probot/setup", async (c) => {
    const { code = "", state = "" } = c.req.query();
    const publicUrl = open.get(state);
    const beginAgain = html`<p><a href="/probot">Begin again</a>, by the link that the app printed.</p>`;
    if (publicUrl === undefined || code === "")
      return c.html(
        page(
          html`<p>GitHub sent you here for no page that this app has open.</p>
            ${beginAgain}`,
        ),
        400,
      );
    open.delete(state);
    const created = await settings.readCreatedApp(code);
    if (!created.ok) {
      const { message: why } = created.error;
      log.warn({ why }, "GitHub did not hand out the new App");
      return c.html(
        page(
          html`<p>GitHub did not hand out the new App's key: ${why}.</p>
            ${beginAgain}`,
        ),
        502,
      );
    }
    const why = await settings.keep(created.value, publicUrl);
    if (why !== undefined) {
      log.error({ why, app: created.value.page }, "the new App's key could not be kept");
      return c.html(
        page(
          html`<p>The App is made, but its key could not be kept: ${why}.</p>
            <p>Delete it at <a href="${created.value.page}">${created.value.page}</a>, mend that, and begin again.</p>`,
        ),
        500,
      );
    }
    c.env.outgoing.once("close", () => made.resolve(created.value.page));
    c.header("connection", "close");
    return c.redirect(`${created.value.page}/installations/new`);
  });

  web.get("/healthz", (c) => c.json({ ok: true }));
  web.all("*", (c) => c.json({ ok: false, error: "there is no GitHub App yet", fix: "open /probot in a browser" }, 503));
  web.onError((error, c) => {
    log.error({ err: error, path: c.req.path }, "a request failed");
    return c.html(page(html`<p>This app failed; its log has the cause.</p>`), 500);
  });
  return { key, listener: getRequestListener(web.fetch), made: made.promise };
}

/** Asked from this machine itself: not through a proxy, nor by a page of elsewhere that has its own name lead here. */
function isHere(c: Web): boolean {
  const { incoming } = c.env;
  const from = incoming.socket.remoteAddress ?? "";
  const forwarded = Object.keys(incoming.headers).some((name) => name === "forwarded" || name.startsWith("x-forwarded-"));
  return (
    ["127.0.0.1", "::1", "::ffff:127.0.0.1"].includes(from) && !forwarded && isLoopback(`http://${incoming.headers.host ?? ""}`)
  );
}

/** Where this browser finds the app: the name it used for this machine, or the public address. */
function hereFor(c: Web, publicUrl: string): string {
  const here = `http://${c.env.incoming.headers.host ?? ""}`;
  return isLoopback(here) ? here : publicUrl;
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

type Begun = { readonly key: string; readonly owner: string; readonly url: string; readonly why: string };

function askPage({ key, owner, url, why }: Begun) {
  return page(
    html`<p>There is no GitHub App yet. GitHub makes one for you with the permissions that agent-pool needs, and no others.</p>
      <p class="wrong">${why}</p>
      <form method="get" action="/probot">
        <input type="hidden" name="key" value="${key}" />
        <label>
          Organisation that the App is for; empty: your own account
          <input name="owner" value="${owner}" autocomplete="off" spellcheck="false" />
        </label>
        <label>
          Address by which GitHub and the runners reach this app
          <input name="url" value="${url}" placeholder="https://agents.example.com" required spellcheck="false" />
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
      </ul>
      <form method="post" action="${action}">
        <input type="hidden" name="manifest" value="${JSON.stringify(manifest)}" />
        <button>Create the App on GitHub</button>
      </form>`,
  );
}
