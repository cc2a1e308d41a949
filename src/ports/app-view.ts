import type { AppFacts, InstallationFacts } from "#core/setup/facts.ts";
import type { Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "./github.ts";

/** GitHub as the App itself sees it, by its private key. */
export type AppView = {
  readApp(): Promise<Result<AppFacts, GitHubFailure>>;
  /** undefined: it is not installed there. */
  readInstallation(owner: string): Promise<Result<InstallationFacts | undefined, GitHubFailure>>;
  /** Where GitHub sends its events. */
  setWebhookUrl(url: string): Promise<Result<void, GitHubFailure>>;
};
