import { parse } from "yaml";
import { record } from "../wire/json.ts";

/** Where the new App is, and where GitHub sends the browser back to. */
export type AppAddresses = { readonly publicUrl: string; readonly returnUrl: string };

/**
 * What GitHub is to make: app.yml, with the addresses of this deployment in it. GitHub lets its owner change the name before it
 * makes the App; names are one for all of GitHub, so ours names the owner, in the 34 characters that GitHub takes (docs, "Registering a
 * GitHub App"). Pure.
 */
export function toManifest(appYml: string, owner: string, { publicUrl, returnUrl }: AppAddresses): Record<string, unknown> {
  const app = record(parse(appYml)) ?? {};
  const name = `${String(app["name"])}${owner === "" ? "" : `-${owner}`}`.slice(0, 34);
  return {
    ...app,
    name,
    hook_attributes: { url: webhookUrlOf(publicUrl), active: true },
    redirect_url: returnUrl,
  };
}

/** Where an app hears of events. Pure. */
export function webhookUrlOf(publicUrl: string): string {
  return `${publicUrl}/api/github/webhooks`;
}

/** Where GitHub's pages are, by the address of its API: `https://ghe.example.com/api/v3` on Enterprise Server, `https://api.acme.ghe.com` with GHE.com. Pure. */
export function pagesOf(apiUrl: string): string {
  return apiUrl.endsWith("/api/v3") ? apiUrl.slice(0, -"/api/v3".length) : apiUrl.replace("https://api.", "https://");
}

/** The page that takes a manifest. An empty owner: the account of whoever is signed in. Pure. */
export function newAppPage(apiUrl: string, owner: string, state: string): string {
  const place = owner === "" ? "" : `/organizations/${encodeURIComponent(owner)}`;
  return `${pagesOf(apiUrl)}${place}/settings/apps/new?state=${encodeURIComponent(state)}`;
}
