import { randomBytes } from "node:crypto";
import { answer, isRecord, notFound, type Answer } from "./answers.ts";
import type { AppManifest } from "./emulated-github.ts";
import type { Handler } from "./routes/handler.ts";
import { toApp } from "./shapes/account.ts";
import { accountOf, type GitHub } from "./state.ts";

/**
 * GitHub's manifest flow: a form that names the App, a browser sent back with a code, and the code exchanged for the App's
 * secrets. Here nobody has to confirm, and the one App of this GitHub becomes the one that was asked for.
 * Source: docs, "Registering a GitHub App from a manifest", read 2026-11-30.
 */

type Page = { readonly method: string; readonly url: URL; readonly raw: Buffer };

/** The page that takes a manifest; undefined for any other. */
export function answerNewApp(github: GitHub, { method, url, raw }: Page): Answer | undefined {
  const found = method === "POST" ? /^(?:\/organizations\/([^/]+))?\/settings\/apps\/new$/.exec(url.pathname) : null;
  if (found === null) return undefined;
  const [, organization] = found;
  if (organization !== undefined && accountOf(github, organization) === undefined) return notFound();
  const asked = parse(new URLSearchParams(raw.toString()).get("manifest") ?? "");
  const manifest = toManifest(asked);
  const back = isRecord(asked) && typeof asked["redirect_url"] === "string" ? URL.parse(asked["redirect_url"]) : null;
  if (manifest === undefined || back === null || !isRecord(asked) || typeof asked["url"] !== "string")
    return answer(422, "Error: the manifest needs name, url, redirect_url and default_permissions");
  const code = randomBytes(20).toString("hex");
  github.newApps.set(code, manifest);
  back.searchParams.set("code", code);
  back.searchParams.set("state", url.searchParams.get("state") ?? "");
  return answer(302, undefined, { location: back.href });
}

/** Hands out what only the new App's owner may know, once. */
export const convertManifest: Handler = (github, { params }) => {
  const code = params["code"] ?? "";
  const manifest = github.newApps.get(code);
  if (manifest === undefined) return notFound();
  github.newApps.delete(code);
  github.manifest = manifest;
  const secret = randomBytes(20).toString("hex");
  github.webhook = { url: manifest.webhookUrl ?? github.webhook.url, secret };
  return answer(201, {
    ...toApp(github),
    client_id: `Iv23li${randomBytes(7).toString("hex")}`,
    client_secret: randomBytes(20).toString("hex"),
    webhook_secret: secret,
    pem: github.app.privateKeyPem,
  });
};

/** undefined where it lacks what GitHub needs. */
export function toManifest(parsed: unknown): AppManifest | undefined {
  if (!isRecord(parsed)) return undefined;
  const { name, default_permissions: permissions, default_events: events, hook_attributes: hook } = parsed;
  if (typeof name !== "string" || !isRecord(permissions)) return undefined;
  return {
    name,
    default_permissions: Object.fromEntries(Object.entries(permissions).map(([key, level]) => [key, String(level)])),
    default_events: Array.isArray(events) ? events.map(String) : [],
    ...(isRecord(hook) && typeof hook["url"] === "string" ? { webhookUrl: hook["url"] } : {}),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
