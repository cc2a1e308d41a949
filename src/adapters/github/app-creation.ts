import { Octokit } from "@octokit/rest";
import { err, ok } from "#core/wire/result.ts";
import type { ReadCreatedApp } from "#ports/app-creation.ts";
import { answer, settingsFor, timeout } from "./client.ts";

/** Of GitHub's manifest flow the last step, which needs no credential but the code. */
export function createdAppReader(apiUrl: string): ReadCreatedApp {
  const octokit = new Octokit(settingsFor(apiUrl));
  return async (code) => {
    const route = "POST /app-manifests/{code}/conversions";
    const made = await answer(route, async () => (await octokit.request(route, { code, request: timeout() })).data);
    if (!made.ok) return made;
    const { id, html_url: page, pem: privateKey, webhook_secret: webhookSecret } = made.value;
    // A server that answers anything, or one whose App has no webhook: then it isn't the one that was asked for.
    if (!id || !page || !privateKey || !webhookSecret)
      return err({
        reason: "github-refused",
        route,
        status: 200,
        message: "the answer holds no App with a key and a webhook secret",
      });
    return ok({ id, page, privateKey, webhookSecret });
  };
}
