import { createHmac, randomUUID } from "node:crypto";
import type { Delivery } from "./emulated-github.ts";
import { toUser, type Shape } from "./shapes/account.ts";
import { ownerOfPayload, toWebhookRepository } from "./shapes/repository.ts";
import { nodeId } from "./shapes/urls.ts";
import { grantOf } from "./permissions.ts";
import { fullName, installationOf, nextId, nowOf, type Account, type GitHub, type Repository } from "./state.ts";
import { checkPayload } from "./webhook-contract.ts";

/** GitHub gives the app ten seconds; then the delivery counts as failed. Source: docs, "Best practices for using webhooks". */
const ANSWER_WITHIN_MS = 10_000;

/**
 * Sends an event of a repository to the app, if the owner's installation covers it and has the event. Returns at
 * once: GitHub's own API does not wait for webhooks either. A failure is recorded and not tried again, as on GitHub.
 */
export function emit(github: GitHub, event: string, repository: Repository, sender: Account, payload: Shape): void {
  const installation = installationOf(github, repository.owner);
  if (installation === undefined || installation.suspendedAt !== null) return;
  const { repositoryIds } = installation;
  if (repositoryIds !== "all" && !repositoryIds.includes(repository.id)) return;
  if (!grantOf(github, installation).events.includes(event)) return;
  deliver(github, event, fullName(repository), {
    ...payload,
    repository: toWebhookRepository(github, repository),
    ...ownerOfPayload(github, repository),
    sender: toUser(github, sender),
    installation: { id: installation.id, node_id: nodeId("Installation", installation.id) },
  });
}

/** Runs work that ends in webhooks (a payload that must read git) without its caller waiting; `delivered()` does. */
export function emitLater(github: GitHub, work: () => Promise<void>): void {
  void track(github, work());
}

export function deliver(github: GitHub, event: string, repository: string | null, payload: Shape): void {
  github.violations.push(...checkPayload(event, payload).map((error) => `webhook ${event}: ${error}`));
  const action = typeof payload["action"] === "string" ? payload["action"] : null;
  // As it is now: later changes to the state must not reach a payload that is still under way.
  const frozen = structuredClone(payload);
  void send(github, { guid: randomUUID(), event, action, repository, payload: frozen, redelivery: false });
}

export function redeliver(github: GitHub, wanted: string | number): Promise<void> {
  const before = github.deliveries.find((delivery) => delivery.guid === wanted || delivery.id === wanted);
  if (before === undefined) throw new Error(`no delivery ${String(wanted)}`);
  const { guid, event, action, repository, payload } = before;
  return send(github, { guid, event, action, repository, payload, redelivery: true });
}

function send(github: GitHub, what: Omit<Delivery, "id" | "at" | "status">): Promise<void> {
  const delivery: Delivery = { ...what, id: nextId(github), at: nowOf(github), status: null };
  github.deliveries.push(delivery);
  return track(github, post(github, delivery));
}

async function post(github: GitHub, delivery: Delivery): Promise<void> {
  const body = JSON.stringify(delivery.payload);
  const signature = createHmac("sha256", github.webhook.secret).update(body).digest("hex");
  const name = `${delivery.event}${delivery.action === null ? "" : `.${delivery.action}`}`;
  try {
    const response = await fetch(github.webhook.url, {
      method: "POST",
      body,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      headers: {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/emulated",
        "x-github-delivery": delivery.guid,
        "x-github-event": delivery.event,
        "x-github-hook-id": "1",
        "x-github-hook-installation-target-id": String(github.app.id),
        "x-github-hook-installation-target-type": "integration",
        "x-hub-signature-256": `sha256=${signature}`,
      },
    });
    await response.arrayBuffer();
    delivery.status = response.status;
  } catch {
    delivery.status = 0;
  }
  github.options.onEvent?.(`webhook ${name} → ${String(delivery.status)}`);
}

function track(github: GitHub, work: Promise<void>): Promise<void> {
  const pending: Promise<void> = work
    .catch((error: unknown) => {
      github.violations.push(`webhook could not be made: ${String(error)}`);
    })
    .finally(() => github.pendingDeliveries.delete(pending));
  github.pendingDeliveries.add(pending);
  return pending;
}
