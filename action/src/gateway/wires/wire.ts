import type { IncomingHttpHeaders } from "node:http";
import type { Auth, Usage } from "#core/wire/contract.ts";
import { record, textOf } from "#core/wire/json.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";
import { type Document, readDocument } from "./document.ts";

/**
 * A provider's format, as far as the gateway must read it: what may be asked, what may go along in headers, what a call
 * used. One file each, and a row in table.ts.
 */
export type Wire = {
  /** Where calls go, below the provider's address. */
  readonly path: string;
  /** Where tokens are counted for nothing, if the provider has such a place. */
  readonly countingPath?: string;
  /** Parses and judges a call's body. Pure. */
  readonly parse: (bytes: Buffer, asked: Asked) => Result<ModelCall, CallRefusal>;
  readonly headers: HeaderRules;
  /** Reads the events of a streamed answer. */
  readonly readStream: (call: ModelCall) => StreamReader;
  /** What a whole answer used; undefined when it names no figures. Pure. */
  readonly usageOf: (document: Record<string, unknown>) => Usage | undefined;
  /** The body of a refusal in this format. */
  readonly refusal: (type: string, message: string) => Record<string, unknown>;
};

/** What an attempt may ask for. */
export type Asked = {
  readonly model: string;
  /** For a call that names no bound of its output: it is given this one. null: the provider takes no bound. */
  readonly maxTokens: number | null;
};

export type ModelCall = {
  /** What was checked, in bytes that no other reader takes for something else (document.ts). */
  readonly body: Buffer;
  /** To reserve for its input. A tokenizer here would be another dependency to trust. */
  readonly inputTokens: number;
  /** 0: not said. */
  readonly maxTokens: number;
  /** It asks for cache entries that live an hour. */
  readonly longCache: boolean;
  /** Its conversation goes in circles (repeats.ts). */
  readonly isRepeating: boolean;
};

export type CallRefusal = {
  readonly type: "invalid_request_error" | "model_not_allowed" | "not_allowed";
  readonly message: string;
};

/**
 * What of a request's headers goes upstream beside the real key. Allow-lists: an organisation's proxy (Portkey, Helicone,
 * LiteLLM) takes orders in headers, some of which would send the key to another host (`x-portkey-custom-host`,
 * `helicone-target-url`).
 */
export type HeaderRules = {
  readonly names: ReadonlySet<string>;
  readonly families: readonly string[];
  /** Those whose values are checked too. */
  readonly checked: (from: IncomingHttpHeaders, auth: Auth) => Readonly<Record<string, string>>;
};

/** Events of one streamed answer, in their order. */
export type StreamReader = {
  /** Counts an event that most of a stream consists of, whose data stands in `stream` from `at` on, without parsing it. @returns whether it did. */
  count?(stream: string, at: number): boolean;
  read(event: Record<string, unknown>): void;
  /** What the call used; undefined when the answer was cut before it named any figures from which to tell. */
  end(): Metered | undefined;
  /** The error with which a stream broke off that had begun well, as `{error: {type, …}}`; undefined where none did. */
  failure(): Record<string, unknown> | undefined;
};

/** `estimated`: the answer was cut before its final figures. */
export type Metered = { readonly usage: Usage; readonly estimated: boolean };

/** What arrived of an answer: characters of its text, and whether the model began to think unseen. */
export type Written = { readonly chars: number; readonly thinking: boolean };

/** English text and code run at 3 to 4 bytes a token; the smaller one, so that a reservation is not too low. */
export const BYTES_PER_TOKEN = 3;

/** The output of an answer that was cut: by the text that did arrive; all that was asked for, once the model had begun to think unseen. */
export function estimateOutput({ chars, thinking }: Written, call: ModelCall): number {
  return thinking ? call.maxTokens : Math.ceil(chars / BYTES_PER_TOKEN);
}

/** A body's size in tokens, its pictures counted by what one costs at most. Pure. */
export function estimateInput(body: Buffer, images: readonly string[], tokensAnImage: number): number {
  const imageBytes = images.reduce((sum, it) => sum + it.length, 0);
  return Math.ceil((body.length - imageBytes) / BYTES_PER_TOKEN) + images.length * tokensAnImage;
}

/** Reads a call's body, and refuses one that asks for another model or names a field outside `known`. Pure. */
export function openCall(bytes: Buffer, model: string, known: ReadonlySet<string>): Result<Document, CallRefusal> {
  const document = readDocument(bytes);
  if (document === undefined) return refuseCall("invalid_request_error", "the body is not a JSON object");
  if (document.fields["model"] !== model) return refuseCall("model_not_allowed", `this attempt may only use ${model}`);
  const field = Object.keys(document.fields).find((it) => !known.has(it));
  if (field !== undefined) return refuseCall("not_allowed", `the field ${cut(field, 60)} is not allowed here`);
  return ok(document);
}

export function kindOf(value: unknown): string {
  return cut(textOf(record(value)?.["type"]), 60);
}

/** One object where a list belongs is judged like a list of it, whatever the provider makes of it. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : record(value) === undefined ? [] : [value];
}

/** A count that a request or an answer names; 0 for all else. */
export function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

export function refuseCall(type: CallRefusal["type"], message: string): Result<never, CallRefusal> {
  return err({ type, message });
}
