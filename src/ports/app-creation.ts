import type { Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "./github.ts";

/** An App that GitHub has just made, with what only it and we know. */
export type CreatedApp = {
  readonly id: number;
  /** The App's page, below which `/installations/new` installs it. */
  readonly page: string;
  /** PEM, as GitHub hands it out. */
  readonly privateKey: string;
  readonly webhookSecret: string;
};

/** Exchanges the code with which GitHub sends the browser back. It is good once, and for an hour. */
export type ReadCreatedApp = (code: string) => Promise<Result<CreatedApp, GitHubFailure>>;
