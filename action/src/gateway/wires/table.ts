import type { WireId } from "#core/wire/harnesses.ts";
import { anthropicMessages } from "./anthropic-messages.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiResponses } from "./openai-responses.ts";
import type { Wire } from "./wire.ts";

/** Every format that the gateway reads. Does not compile while one is missing. */
export const WIRES: Readonly<Record<WireId, Wire>> = {
  "anthropic-messages": anthropicMessages,
  "openai-responses": openaiResponses,
  "openai-chat": openaiChat,
};
