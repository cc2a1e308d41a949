import { Document, type YAMLMap } from "yaml";
import { TRIGGER_LABEL } from "../request/command.ts";
import type { Answers, NewCredential } from "./answers.ts";
import { readWorkflow } from "./workflow.ts";

/** The files that `agent-pool init` writes. Pure. */

/** This release's workflow, by its usual name. */
export const WORKFLOW_FILE = ".github/workflows/agent-pool.yml";

/** Where a workflow of this name stands. Pure. */
export function workflowPath(workflow: string): string {
  return `.github/workflows/${workflow}`;
}
export const FORM_FILE = ".github/ISSUE_TEMPLATE/agent.yml";
export const KEY_SECRET = "AGENT_POOL_KEY";

/** Where an editor finds the schema of the policy; the package has the same file. */
const POLICY_SCHEMA = "https://raw.githubusercontent.com/agent-pool/agent-pool/main/schema/policy.json";

/**
 * A workflow with the Action's commit, the app's address and the organisation's proxies in it: this release's template, or one that
 * stands there already, whose own steps are its operator's. undefined: it has no place for them. Pure.
 */
export function fillWorkflow(text: string, answers: Pick<Answers, "appUrl" | "action" | "baseUrls">): string | undefined {
  const { appUrl, action, baseUrls } = answers;
  const reading = readWorkflow(text);
  const uses = `uses: ${reading?.action ?? ""}`;
  if (reading === undefined || text.split(uses).length !== 2 || !APP_URL.test(text)) return undefined;
  const pinned = text
    .split("\n")
    // What follows on its line is what was said of the commit that stood there.
    .map((line) =>
      line.includes(uses) ? `${line.slice(0, line.indexOf(uses))}uses: ${action.repository}/action@${action.commit}` : line,
    )
    .join("\n");
  return Object.entries(baseUrls).reduce(
    (before, [provider, url]) => before.replace(new RegExp(`(?<=^\\s*${provider}-base-url: )\\S+$`, "m"), () => url),
    pinned.replace(APP_URL, () => appUrl),
  );
}

const APP_URL = /(?<=^\s*app-url: )\S+$/m;

/** The policy of six lines, as far as the answers don't make it longer. */
export function renderPolicy({ pool, runner, budget }: Pick<Answers, "pool" | "runner" | "budget">): string {
  const document = new Document({ version: 1, pool: pool.map(toEntry), runner, budget });
  document.commentBefore = ` yaml-language-server: $schema=${POLICY_SCHEMA}`;
  const entries = document.get("pool") as { items: YAMLMap[] };
  const [first] = entries.items;
  if (first !== undefined) {
    const name = first.get("name", true);
    if (name !== undefined) name.comment = ` the alias people see, and the environment that holds ${KEY_SECRET}`;
  }
  return document.toString({ lineWidth: 0 });
}

function toEntry({ name, provider, kind, owner, identity }: NewCredential): Record<string, unknown> {
  return {
    name,
    provider,
    ...(kind === "api-key" ? {} : { kind }),
    ...(owner === undefined ? {} : { owner }),
    ...(identity === undefined ? {} : { identity }),
  };
}

/** Of a repository that init makes for the policy: a pull request needs something to be made against. */
export const POLICY_README = `# .github

Holds \`.github/agent-pool.yml\`, which says on which credentials agent-pool draws and how much it may spend.
`;

/**
 * By which people ask who may not set labels: GitHub sets the label of a form for whoever opens it, and the app looks at who
 * that is. Source: docs, "Syntax for issue forms".
 */
export const ISSUE_FORM = `name: Work for an agent
description: A change that an agent makes, and that people review in a pull request.
labels: [${TRIGGER_LABEL}]
body:
  - type: textarea
    id: what
    attributes:
      label: What is to change?
      description: What happens now, what should happen, and where. The clearer it is, the less is guessed.
    validations:
      required: true
  - type: textarea
    id: done
    attributes:
      label: How can one tell that it is done?
      description: For instance a test, a page or an output.
`;
