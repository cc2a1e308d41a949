import type { ServerResponse } from "node:http";
import type { Wire } from "./wires/wire.ts";

export const RETRY_SOON = { "x-should-retry": "true", "retry-after": "1" };

/** The gateway's own, told in the format of the provider's. */
export type Refusal = readonly [status: number, type: string, message: string, retry?: Readonly<Record<string, string>>];

const NEVER_AGAIN = { "x-should-retry": "false" };

export function refuse(
  { wire }: { readonly wire: Pick<Wire, "refusal"> },
  response: ServerResponse,
  [status, type, message, retry = NEVER_AGAIN]: Refusal,
): void {
  response.writeHead(status, { "content-type": "application/json", connection: "close", ...retry });
  response.end(JSON.stringify(wire.refusal(type, message)));
}
