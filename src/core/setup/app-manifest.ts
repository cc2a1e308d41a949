import { parse } from "yaml";
import { record } from "../wire/json.ts";

/** Where the new App is, and where GitHub sends the browser back to. */
export type AppAddresses = { readonly publicUrl: string; readonly returnUrl: string };

/**
 * What GitHub is to make: app.yml, with the addresses of this deployment in it. GitHub lets its owner change the name before it
 * makes the App; names are one for all of GitHub, so ours names the owner (docs, "Registering a GitHub App from a manifest": 34
 * characters at most). Pure.
 */
export function toManifest(appYml: string, owner: string, { publicUrl, returnUrl }: AppAddresses): Record<string, unknown> {
  const app = record(parse(appYml)) ?? {};
  const name = `${String(app["name"])}${owner === "" ? "" : `-${owner}`}`.slice(0, 34);
  return {
    ...app,
    name,
    hook_attributes: { url: `${publicUrl}/api/github/webhooks`, active: true },
    redirect_url: returnUrl,
  };
}

/** Where GitHub's pages are, by the address of its API: `https://ghe.example.com/api/v3` on Enterprise Server. Pure. */
export function pagesOf(apiUrl: string): string {
  return apiUrl === "https://api.github.com" ? "https://github.com" : apiUrl.replace(/\/api\/v3$/, "");
}

/** The page that takes a manifest. An empty owner: the account of whoever is signed in. Pure. */
export function newAppPage(apiUrl: string, owner: string, state: string): string {
  const place = owner === "" ? "" : `/organizations/${encodeURIComponent(owner)}`;
  return `${pagesOf(apiUrl)}${place}/settings/apps/new?state=${encodeURIComponent(state)}`;
}
