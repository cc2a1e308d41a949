import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";

/**
 * One call of the provider, through undici's `dispatch`: its `request` makes streams for both ways, and a call has a whole
 * body for the one and takes the pieces of the other as they come.
 */
export type Answered = {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /** Hands over what has come, and then each piece as it comes. Called once. Resolves at the answer's end, throws where it breaks off. */
  read(take: (chunk: Buffer) => void): Promise<void>;
  pause(): void;
  resume(): void;
};

export type Call = Dispatcher.DispatchOptions & {
  /** Nobody waits for the answer any more. */
  readonly gone: AbortSignal;
  /** The connection stands; what is written next is this request. */
  readonly onBegun: () => void;
};

/** @returns the answer once its headers are here. Throws where there is none. */
export function call(dispatcher: Dispatcher, { gone, onBegun, ...options }: Call): Promise<Answered> {
  const answered = Promise.withResolvers<Answered>();
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => {}); // an answer that breaks off before anyone reads it
  let controller: Dispatcher.DispatchController | undefined;
  const early: Buffer[] = [];
  let take = (chunk: Buffer): void => void early.push(chunk);
  const fail = (cause: Error): void => {
    answered.reject(cause);
    ended.reject(cause);
  };
  const stop = (): void => {
    const cause = new Error("nobody waits for the answer");
    controller?.abort(cause);
    fail(cause);
  };
  gone.addEventListener("abort", stop, { once: true });
  dispatcher.dispatch(options, {
    onRequestStart(its) {
      controller = its;
      if (gone.aborted) stop();
      else onBegun();
    },
    onResponseStart(its, statusCode, headers) {
      if (statusCode < 200) return;
      answered.resolve({
        statusCode,
        headers,
        read(next) {
          for (const chunk of early) next(chunk);
          take = next;
          return ended.promise;
        },
        pause: () => its.pause(),
        resume: () => its.resume(),
      });
    },
    onResponseData: (_, chunk) => take(chunk),
    onResponseEnd: () => ended.resolve(),
    onResponseError: (_, cause) => fail(cause),
  });
  return answered.promise;
}

/** An answer that is none, read to its end. */
export type Refused = { readonly status: number; readonly headers: Answered["headers"]; readonly said: string };

/** Kept of a failed answer; an error of the provider's is under 2 kB. */
const MAX_ERROR_BYTES = 64 * 1024;

/** Reads a failed answer to its end, and keeps its beginning. */
export async function readHead(answered: Answered): Promise<string> {
  const chunks: Buffer[] = [];
  let left = MAX_ERROR_BYTES;
  await answered.read((chunk) => {
    if (left > 0) chunks.push(chunk.subarray(0, left));
    left -= chunk.length;
  });
  return Buffer.concat(chunks).toString("utf8");
}
