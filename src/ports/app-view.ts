import type { AppFacts, InstallationFacts } from "#core/setup/facts.ts";
import type { Answer } from "./github.ts";

/** `id`: what stands in the dispatch's input. */
export type Probe = {
  readonly id: string;
  readonly credential: string;
  readonly repository: string;
  readonly branch: string;
  readonly workflow: string;
};
export type ProbeRun = {
  readonly page: string;
  /** How it ended, as GitHub says it; undefined while it hasn't. */
  readonly readConclusion: () => Answer<string | undefined>;
  readonly cancel: () => Answer<void>;
  /** Gives back the right by which it was started. */
  readonly close: () => Promise<void>;
};

/** GitHub as the App itself sees it, by its private key. */
export type AppView = {
  readApp(): Answer<AppFacts>;
  /** undefined: it is not installed there. */
  readInstallation(owner: string): Answer<InstallationFacts | undefined>;
  /** Starts a probe's run as the app starts an attempt's. undefined: GitHub didn't say which run it is. */
  startProbe(installation: number, probe: Probe): Answer<ProbeRun | undefined>;
  /** Where GitHub sends its events. */
  setWebhookUrl(url: string): Answer<void>;
};
