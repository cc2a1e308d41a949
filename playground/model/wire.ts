import type { Result } from "#core/wire/result.ts";
import type { Account, Seat } from "./limits.ts";
import type { Turn } from "./script.ts";
import type { Usage } from "#core/wire/contract.ts";

/** A request as it came in. `path` has no query. Header names are lower-case. */
export type WireRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
};

/** What a conversation request says, in words of no wire format. */
export type Conversation = {
  readonly model: string;
  /** How many tool results it holds: the turn. */
  readonly turn: number;
  readonly hasTools: boolean;
  readonly stream: boolean;
  /** All text of the people in it, for scripts chosen by task. */
  readonly prompt: string;
};

/** What a request is to a wire format. */
export type Asked =
  | { readonly kind: "conversation"; readonly conversation: Conversation }
  /** Answered at once, the same every time: models, token counts, probes. */
  | { readonly kind: "plain"; readonly status: number; readonly body: unknown }
  | { readonly kind: "wrong"; readonly message: string };

/** An answer in full: the JSON, and the same as server-sent events. */
export type Reply = { readonly json: unknown; readonly events: readonly ServerSentEvent[] };

/** `data` as it is sent: JSON, but for the word that ends a Chat stream, whose events have no names. */
export type ServerSentEvent = { readonly event?: string; readonly data: string };

/** What an answer says beside the script's turn. */
export type Particulars = { readonly id: string; readonly usage: Usage; readonly now: Date };

/** One provider's format: one file, and one row in WIRES (model.ts). */
export type Wire = {
  readonly name: string;
  /** Undefined when the request is of another format. */
  ask(request: WireRequest): Asked | undefined;
  /** The key it came with. */
  keyOf(request: WireRequest): string | undefined;
  /** Errors: the harness offers no tool for the step, or its request does not tell the folder. */
  reply(request: WireRequest, turn: Turn, particulars: Particulars): Result<Reply, string>;
  /** An error body of this provider. */
  errorBody(status: number, message: string, requestId: string): unknown;
  /** An error inside a stream that began well, after so many events. */
  errorEvent(type: string, message: string, afterEvents: number): ServerSentEvent;
  /** The body of a 429 to a seat that is used up. */
  usedUp(seat: Seat, now: Date, requestId: string): unknown;
  /** What it says to a key that it doesn't know. */
  readonly wrongKey: string;
  /** Headers of every answer: the request's id; to a good key also whose account it is, and its limits. */
  headers(requestId: string, account: Account | undefined, now: Date): Readonly<Record<string, string>>;
};
