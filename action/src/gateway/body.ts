import type { IncomingMessage } from "node:http";
import { type Refusal, RETRY_SOON } from "./refusal.ts";

/** Anthropic's own limit for a request (32 MB, docs "Errors", read 2026-09-30). */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** Of all calls under way together. A session's full context of 1,000,000 tokens is 4 MB; pictures may bring a call to 32. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;

/** What the gateway holds in memory of the calls under way. */
export type Buffered = { bufferedBytes: number };

/** What has been read of a body; its bytes count against the gateway's until the call has ended. */
export type Body = { readonly chunks: Buffer[]; bytes: number };

/** @returns why it was not read to its end. By events, which cost less than an iterator for each of many small bodies. */
export function readBody(buffered: Buffered, request: IncomingMessage, body: Body): Promise<Refusal | undefined> {
  return new Promise((resolve, reject) => {
    const leave = (): void => void request.off("data", take).off("end", end).off("error", reject).off("close", broken);
    const end = (refusal?: Refusal): void => {
      leave();
      if (refusal !== undefined) request.pause();
      resolve(refusal);
    };
    const broken = (): void => reject(new Error("the body broke off"));
    const take = (chunk: Buffer): void => {
      if (body.bytes + chunk.length > MAX_BODY_BYTES) return end(TOO_LARGE);
      if (buffered.bufferedBytes + chunk.length > MAX_BUFFERED_BYTES)
        return end([429, "rate_limit_error", "the calls under way are too large together", RETRY_SOON]);
      body.bytes += chunk.length;
      buffered.bufferedBytes += chunk.length;
      body.chunks.push(chunk);
    };
    request.on("data", take).on("end", end).on("error", reject).on("close", broken);
  });
}

/** Most bodies come in one piece. */
export function whole({ chunks }: Body): Buffer {
  const [first = Buffer.alloc(0)] = chunks;
  return chunks.length > 1 ? Buffer.concat(chunks) : first;
}

export function release(buffered: Buffered, body: Body): void {
  buffered.bufferedBytes -= body.bytes;
  body.chunks.length = 0;
}

/**
 * What can be read of a body that is refused is thrown away before it is: closing a socket with unread bytes resets it, and
 * the client never sees the answer.
 */
export async function unread(request: IncomingMessage): Promise<void> {
  let bytes = 0;
  for await (const chunk of stay(request)) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) break;
  }
}

/** The rest of a request; leaving the loop doesn't end the connection, which still needs an answer. */
function stay(request: IncomingMessage): AsyncIterable<Buffer> {
  return request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
}

const TOO_LARGE: Refusal = [413, "request_too_large", "the body is too large"];
