import { ok } from "#core/wire/result.ts";
import type { Operator } from "#ports/operator.ts";
import { at, everyPage, PAGE, type Asking } from "./asking.ts";

type Inspection = Pick<
  Operator,
  | "readWorkflowState"
  | "readActions"
  | "readSecrets"
  | "readReaders"
  | "readBranchRules"
  | "readWorkflows"
  | "hasTeam"
  | "hasPerson"
>;

/** What `doctor` alone reads, under an operator's token. */
export function makeInspection({ ask, find }: Asking): Inspection {
  return {
    async readWorkflowState(repository, file) {
      const found = await find("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}", {
        ...at(repository),
        workflow_id: file,
      });
      return found.ok ? ok(found.value?.state) : found;
    },

    async readActions(repository) {
      const read = await ask("GET /repos/{owner}/{repo}/actions/permissions", at(repository));
      if (!read.ok) return read;
      const { enabled, allowed_actions: allowed = "all" } = read.value;
      if (!enabled || allowed !== "selected") return ok({ enabled, allowed, githubOwned: false, patterns: [] });
      const selected = await ask("GET /repos/{owner}/{repo}/actions/permissions/selected-actions", at(repository));
      if (!selected.ok) return selected;
      const { github_owned_allowed: githubOwned = false, patterns_allowed: patterns = [] } = selected.value;
      return ok({ enabled, allowed, githubOwned, patterns });
    },

    async readSecrets(repository) {
      const own = await ask("GET /repos/{owner}/{repo}/actions/secrets", { ...at(repository), per_page: PAGE });
      if (!own.ok) return own;
      // A person's own account has none, and GitHub then knows no such page.
      const organization = await find("GET /repos/{owner}/{repo}/actions/organization-secrets", {
        ...at(repository),
        per_page: PAGE,
      });
      if (!organization.ok) return organization;
      return ok({
        repository: own.value.secrets.map(({ name }) => name),
        organization: organization.value?.secrets.map(({ name }) => name) ?? [],
      });
    },

    async readReaders(repository) {
      const listed = await everyPage((paging) =>
        ask("GET /repos/{owner}/{repo}/collaborators", { ...at(repository), ...paging }),
      );
      return listed.ok ? ok(listed.value.map(({ login }) => login.toLowerCase())) : listed;
    },

    async readBranchRules(repository, branch) {
      const listed = await ask("GET /repos/{owner}/{repo}/rules/branches/{branch}", {
        ...at(repository),
        branch,
        per_page: PAGE,
      });
      if (!listed.ok) return listed;
      return ok(listed.value.map(({ type, ruleset_id: ruleset }) => ({ type, ruleset: ruleset ?? null })));
    },

    async readWorkflows(repository) {
      const folder = await find("GET /repos/{owner}/{repo}/contents/{path}", { ...at(repository), path: ".github/workflows" });
      if (!folder.ok) return folder;
      const files = Array.isArray(folder.value) ? folder.value.filter(({ name }) => /\.ya?ml$/.test(name)) : [];
      const workflows: { path: string; text: string }[] = [];
      for (const { path } of files) {
        const read = await ask("GET /repos/{owner}/{repo}/contents/{path}", { ...at(repository), path });
        if (!read.ok) return read;
        const file = read.value;
        if (!Array.isArray(file) && "content" in file)
          workflows.push({ path, text: Buffer.from(file.content, "base64").toString("utf8") });
      }
      return ok(workflows);
    },

    async hasTeam(organization, team) {
      const found = await find("GET /orgs/{org}/teams/{team_slug}", { org: organization, team_slug: team });
      return found.ok ? ok(found.value !== undefined) : found;
    },

    async hasPerson(login) {
      const found = await find("GET /users/{username}", { username: login });
      return found.ok ? ok(found.value !== undefined) : found;
    },
  };
}
