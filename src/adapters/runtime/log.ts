import { pino, type Logger } from "pino";
import { redact } from "#core/wire/redact.ts";

/**
 * JSON lines on standard output. An error is written as name, message and stack alone: Probot's carry the whole webhook
 * payload, and Octokit's the request with its headers. Both texts pass `redact`.
 */
export function createLog(level: string): Logger {
  return pino({
    level,
    serializers: { err: plainError },
    redact: { paths: ["token", "*.token", "authorization", "*.authorization", "headers", "*.headers"], remove: true },
  });
}

function plainError(error: unknown): object {
  if (!(error instanceof Error)) return { message: "not an error" };
  const cause = error.cause instanceof Error ? { cause: redact(error.cause.message) } : {};
  return { name: error.name, message: redact(error.message), stack: redact(error.stack ?? ""), ...cause };
}
