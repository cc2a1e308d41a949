import type {
  ActionsFacts,
  BranchRuleFacts,
  EnvironmentFacts,
  FileFacts,
  OperatorFacts,
  OwnerFacts,
  RepositoryFacts,
  SecretFacts,
  WorkflowFacts,
} from "#core/setup/facts.ts";
import type { Answer } from "./github.ts";

export type RepositoryContents = {
  /** Of the default branch's head: path and git's id of each file; null where there are too many to be told. */
  readonly files: ReadonlyMap<string, string> | null;
  readonly branches: readonly string[];
  /** Open issues and pull requests. */
  readonly open: number;
};

/**
 * GitHub under the operator's own token: what sets an organisation up. The App never has these rights. Repositories are named
 * `owner/name`; undefined is what GitHub doesn't know, or doesn't show to this token.
 */
export type Operator = {
  readSelf(): Answer<OperatorFacts>;
  readOwner(login: string): Answer<OwnerFacts | undefined>;
  readRepository(repository: string): Answer<RepositoryFacts | undefined>;
  /** At the default branch's head. */
  readFile(repository: string, path: string): Answer<FileFacts | undefined>;
  /** What is in a repository beside its settings. */
  readContents(repository: string): Answer<RepositoryContents>;
  readEnvironment(repository: string, environment: string): Answer<EnvironmentFacts | undefined>;
  listEnvironments(repository: string): Answer<readonly string[]>;
  hasLabel(repository: string, label: string): Answer<boolean>;
  /** The open pull request from a branch of the repository itself. */
  findPull(repository: string, branch: string): Answer<number | undefined>;

  readWorkflowState(repository: string, file: string): Answer<string | undefined>;
  readActions(repository: string): Answer<ActionsFacts>;
  readSecrets(repository: string): Answer<SecretFacts>;
  /** Logins of all who can read it. */
  readReaders(repository: string): Answer<readonly string[]>;
  readBranchRules(repository: string, branch: string): Answer<readonly BranchRuleFacts[]>;
  readWorkflows(repository: string): Answer<readonly WorkflowFacts[]>;
  hasTeam(organization: string, team: string): Answer<boolean>;
  hasPerson(login: string): Answer<boolean>;

  /** Private and empty. Answers its id. */
  createRepository(repository: string, description: string): Answer<number>;
  deleteRepository(repository: string): Answer<void>;
  /** A commit on the default branch. `replaces`: the blob that stands there; null: nothing does. */
  writeFile(repository: string, path: string, text: string, replaces: string | null): Answer<void>;
  deleteFile(repository: string, path: string, replaces: string): Answer<void>;
  /** Changes by pull requests with an approving review; admins may do without. */
  protectBranch(repository: string, branch: string): Answer<void>;
  unprotectBranch(repository: string, branch: string): Answer<void>;
  /** Makes it where it isn't there. No rule of branches is `any`. */
  setEnvironment(repository: string, environment: string, deploys: EnvironmentFacts["deploys"]): Answer<void>;
  deleteEnvironment(repository: string, environment: string): Answer<void>;
  /** Sealed on this machine to the environment's own key. */
  setSecret(repository: string, environment: string, name: string, value: string): Answer<void>;
  deleteSecret(repository: string, environment: string, name: string): Answer<void>;
  createLabel(repository: string, label: string): Answer<void>;
  deleteLabel(repository: string, label: string): Answer<void>;
  /**
   * A branch from the default branch's head with these files, and a pull request from it. Answers its number. `begun`: a branch of that
   * name is one that an earlier try has left; else one that is there is refused.
   */
  propose(
    repository: string,
    proposal: {
      readonly branch: string;
      readonly title: string;
      readonly body: string;
      readonly files: Readonly<Record<string, string>>;
      readonly begun: boolean;
    },
  ): Answer<number>;
  /**
   * Merged, and its branch deleted, where it changes this one file to this text and nothing else. `other`: it doesn't; `waits`: GitHub
   * doesn't let it, as where a review is wanted.
   */
  merge(
    repository: string,
    pull: number,
    wanted: { readonly branch: string; readonly path: string; readonly text: string },
  ): Answer<"merged" | "waits" | "other">;
  /** Closed, where it is open, and its branch deleted. */
  withdraw(repository: string, pull: number | null, branch: string): Answer<void>;
};
