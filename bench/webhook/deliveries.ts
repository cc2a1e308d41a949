import { createHmac, randomUUID } from "node:crypto";

/** The payload of an `issues.labeled` webhook, as far as one issue's is made into another's. */
export type Template = {
  readonly issue: { readonly id: number; readonly number: number; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
};

/** One request as it goes over the wire, and the delivery's id. */
export type Request = { readonly id: string; readonly bytes: Buffer };

export const WEBHOOKS = "/api/github/webhooks";

/** The same event of another issue, signed, as a delivery of its own. */
export function requestOf({ issue, ...payload }: Template, secret: string, address: string, number: number): Request {
  const readdressed = JSON.stringify(issue).replaceAll(`/issues/${String(issue.number)}`, `/issues/${String(number)}`);
  const other = { ...(JSON.parse(readdressed) as Template["issue"]), number, id: issue.id + number };
  const body = JSON.stringify({ ...payload, issue: other });
  const id = randomUUID();
  const headers = {
    host: address,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    "user-agent": "GitHub-Hookshot/bench",
    accept: "*/*",
    "x-github-delivery": id,
    "x-github-event": "issues",
    "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return { id, bytes: Buffer.from(`POST ${WEBHOOKS} HTTP/1.1\r\n${lines.join("")}\r\n${body}`) };
}
