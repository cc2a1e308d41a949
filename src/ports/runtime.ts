import type { Result } from "#core/wire/result.ts";
import type { KeyPair } from "#core/wire/sealed.ts";

/** Messages are static; what varies is in the fields. Never a secret, never issue or model text. */
export type Log = {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** The claims of a GitHub Actions OIDC token whose signature, issuer, audience and times hold. Ids are strings there. */
export type RunIdentity = {
  readonly repositoryId: string;
  readonly repositoryOwnerId: string;
  readonly eventName: string;
  readonly workflowRef: string;
  readonly ref: string;
  readonly refProtected: string;
  readonly environment: string;
  readonly actorId: string;
  readonly runId: string;
  readonly runAttempt: string;
  readonly checkRunId: string;
};

export type Runtime = {
  readonly log: Log;
  /** GitHub is a stand-in on this machine: the demo, where a scripted model may run without a sandbox. */
  readonly playground: boolean;
  newId(): string;
  /** A random token for one run, and the hash by which it is stored. */
  newRunToken(): { readonly token: string; readonly hash: string };
  /** For one lease's outcome (core/wire/sealed.ts). */
  newKeyPair(): KeyPair;
  /** SHA-256, hexadecimal. */
  hash(text: string): string;
  verifyIdentity(token: string): Promise<Result<RunIdentity, "invalid" | "unavailable">>;
};
