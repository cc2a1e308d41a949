import { Octokit } from "@octokit/rest";
import { ok } from "#core/wire/result.ts";
import type { ReadCreatedApp } from "#ports/app-creation.ts";
import { answer, common, timeout } from "./client.ts";

/** Of GitHub's manifest flow the last step, which needs no credential but the code. */
export function appCreation(apiUrl: string): ReadCreatedApp {
  const octokit = new Octokit(common(apiUrl));
  return async (code) => {
    const route = "POST /app-manifests/{code}/conversions";
    const made = await answer(route, async () => (await octokit.request(route, { code, request: timeout() })).data);
    if (!made.ok) return made;
    const { id, html_url: page, pem: privateKey, webhook_secret: webhookSecret } = made.value;
    return ok({ id, page, privateKey, webhookSecret: webhookSecret ?? "" });
  };
}
