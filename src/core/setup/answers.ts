import type { CredentialKind } from "../config/credential.ts";
import type { Provider } from "../wire/contract.ts";

/** Where the Action's code is: a repository, and the commit of it that the workflow is pinned to. */
export type ActionPin = { readonly repository: string; readonly commit: string };

/** A credential as the operator names it. Its key is no part of this: it goes from standard input to GitHub, sealed. */
export type NewCredential = {
  readonly name: string;
  readonly provider: Provider;
  readonly kind: CredentialKind;
  /** Of a seat. */
  readonly owner?: string;
  /** Of a workload identity: what its provider was told to trust, as the policy has it. */
  readonly identity?: Readonly<Record<string, string>>;
};

/** What `agent-pool init` asks, or is told by its options. */
export type Answers = {
  readonly owner: string;
  /** `owner/name` */
  readonly runner: string;
  /** The workflow's file name there. */
  readonly workflow: string;
  /** The app's `PUBLIC_URL`. */
  readonly appUrl: string;
  readonly action: ActionPin;
  readonly pool: readonly NewCredential[];
  /** Where keys are sent instead of to the provider: an organisation's own proxy. */
  readonly baseUrls: Readonly<Partial<Record<Provider, string>>>;
  /** As the policy has it: `$200/month`. */
  readonly budget: string;
  /** `owner/name`: those that get the label and the form by which people ask. */
  readonly repositories: readonly string[];
  /** Whether the workflow file is written anew, without what was added to it. */
  readonly freshWorkflow: boolean;
  /** Whether the policy's pull request is merged at once, as far as GitHub lets the operator. */
  readonly merge: boolean;
};
