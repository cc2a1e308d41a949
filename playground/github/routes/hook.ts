import { answer, isRecord, notFound, textField } from "../answers.ts";
import type { Delivery } from "../emulated-github.ts";
import type { Shape } from "../shapes/account.ts";
import { iso, type GitHub } from "../state.ts";
import { redeliver } from "../webhooks.ts";
import type { Handler } from "./handler.ts";

export const getHookConfig: Handler = (github) => answer(200, toConfig(github));

export const updateHookConfig: Handler = (github, { body }) => {
  const { url, secret } = github.webhook;
  github.webhook = { url: textField(body, "url") ?? url, secret: textField(body, "secret") ?? secret };
  return answer(200, toConfig(github));
};

/** Nobody is told the secret again. */
function toConfig({ webhook }: GitHub): Shape {
  return { content_type: "json", insecure_ssl: "0", secret: "********", url: webhook.url };
}

/** The newest first. GitHub pages these by a cursor: the id to go on from. */
export const listDeliveries: Handler = (github, { query }) => {
  const size = Math.min(Math.max(Number(query["per_page"] ?? 30) || 30, 1), 100);
  const cursor = Number(query["cursor"] ?? Infinity);
  const failed = query["status"] === "failure";
  const older = github.deliveries
    .filter(({ id, status }) => status !== null && id <= cursor && !(failed && isSuccess(status)))
    .toReversed();
  const next = older[size];
  const more = new URLSearchParams({
    per_page: String(size),
    cursor: String(next?.id),
    ...(failed ? { status: "failure" } : {}),
  });
  const headers: Record<string, string> =
    next === undefined ? {} : { link: `<${github.url}/app/hook/deliveries?${more.toString()}>; rel="next"` };
  return answer(200, older.slice(0, size).map(toDelivery), headers);
};

/** Another try of the same delivery, under the same guid. GitHub answers before it is made. */
export const redeliverDelivery: Handler = (github, { params }) => {
  const id = Number(params["delivery_id"]);
  if (!github.deliveries.some((delivery) => delivery.id === id)) return notFound();
  void redeliver(github, id);
  return answer(202, {});
};

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function toDelivery({ id, guid, at, redelivery, status, event, action, payload }: Delivery): Shape {
  const code = status ?? 0;
  return {
    id,
    guid,
    delivered_at: iso(at),
    redelivery,
    duration: 0.1,
    status: isSuccess(code) ? "OK" : code === 0 ? "failed to connect to host" : "Invalid HTTP Response: " + String(code),
    status_code: code,
    event,
    action,
    installation_id: idOf(payload["installation"]),
    repository_id: idOf(payload["repository"]),
  };
}

function idOf(value: unknown): number | null {
  return isRecord(value) && typeof value["id"] === "number" ? value["id"] : null;
}
