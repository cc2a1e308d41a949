import { Octokit } from "@octokit/rest";
import type { RepositoryFacts } from "#core/setup/facts.ts";
import { record } from "#core/wire/json.ts";
import { ok } from "#core/wire/result.ts";
import type { Operator } from "#ports/operator.ts";
import { at, createAsking, done } from "./asking.ts";
import { answer, settingsFor, timeout } from "./client.ts";
import { readContents } from "./contents.ts";
import { listEnvironments, readEnvironment, setEnvironment } from "./environments.ts";
import { makeInspection } from "./inspection.ts";
import { commitFile, merge, propose, removeBranch } from "./proposal.ts";
import { sealSecret } from "./sealed-secret.ts";

/** GitHub under an operator's token. */
export function connectOperator(apiUrl: string, token: string): Operator {
  const octokit = new Octokit({ ...settingsFor(apiUrl), auth: token });

  const asking = createAsking(octokit);
  const { ask, find, remove } = asking;

  async function readBranch(repository: string, branch: string) {
    return find("GET /repos/{owner}/{repo}/branches/{branch}", { ...at(repository), branch });
  }

  /** Of a branch that is protected by something. Rulesets are told to all, a protection rule to admins. */
  async function readProtection(repository: string, branch: string): Promise<RepositoryFacts["protection"]> {
    const place = { ...at(repository), branch };
    const rules = await ask("GET /repos/{owner}/{repo}/rules/branches/{branch}", { ...place, per_page: 100 });
    const isReviewed = (rule: unknown): boolean => {
      const { type, parameters } = record(rule) ?? {};
      return type === "pull_request" && Number(record(parameters)?.["required_approving_review_count"]) >= 1;
    };
    if (rules.ok && rules.value.some(isReviewed)) return "reviewed";
    const rule = await find("GET /repos/{owner}/{repo}/branches/{branch}/protection", place);
    if (!rule.ok || !rules.ok) return "unseen";
    return (rule.value?.required_pull_request_reviews?.required_approving_review_count ?? 0) >= 1 ? "reviewed" : "other";
  }

  return {
    async readSelf() {
      const read = await answer("GET /user", () => octokit.request("GET /user", { request: timeout() }));
      if (!read.ok) return read;
      const { data, headers } = read.value;
      const scopes = headers["x-oauth-scopes"];
      return ok({ login: data.login, scopes: scopes === undefined ? null : scopes.split(/,\s*/).filter(Boolean) });
    },

    async readOwner(login) {
      const account = await find("GET /users/{username}", { username: login });
      if (!account.ok || account.value === undefined) return account.ok ? ok(undefined) : account;
      if (account.value.type !== "Organization") {
        const self = await this.readSelf();
        if (!self.ok) return self;
        const own = self.value.login.toLowerCase() === login.toLowerCase();
        return ok({ login: account.value.login, kind: "User", plan: account.value.plan?.name ?? null, administered: own });
      }
      const organization = await ask("GET /orgs/{org}", { org: login });
      if (!organization.ok) return organization;
      const membership = await find("GET /user/memberships/orgs/{org}", { org: login });
      // Without the scope `read:org` the membership is refused, not unknown.
      const administered = membership.ok && membership.value?.role === "admin" && membership.value.state === "active";
      const plan = organization.value.plan?.name ?? null;
      return ok({ login: organization.value.login, kind: "Organization", plan, administered });
    },

    async readRepository(repository) {
      const found = await find("GET /repos/{owner}/{repo}", at(repository));
      if (!found.ok || found.value === undefined) return found.ok ? ok(undefined) : found;
      const { id, full_name: name, default_branch: defaultBranch, archived, permissions, ...rest } = found.value;
      const branch = await readBranch(repository, defaultBranch);
      if (!branch.ok) return branch;
      return ok({
        id: Number(id),
        name,
        private: rest.private && (rest.visibility ?? "private") === "private",
        ...(rest.private ? {} : { public: true as const }),
        archived,
        defaultBranch,
        head: branch.value?.commit.sha ?? null,
        protection: branch.value?.protected === true ? await readProtection(repository, defaultBranch) : "none",
        administered: permissions?.admin === true,
      });
    },

    async readFile(repository, path) {
      const found = await find("GET /repos/{owner}/{repo}/contents/{path}", { ...at(repository), path });
      if (!found.ok || found.value === undefined) return found.ok ? ok(undefined) : found;
      const file = found.value;
      if (Array.isArray(file) || file.type !== "file" || !("content" in file)) return ok(undefined);
      return ok({ text: Buffer.from(file.content, "base64").toString("utf8"), blob: file.sha });
    },

    readContents: (repository) => readContents(asking, repository),

    readEnvironment: (repository, environment) => readEnvironment(asking, repository, environment),

    listEnvironments: (repository) => listEnvironments(asking, repository),

    async hasLabel(repository, label) {
      const found = await find("GET /repos/{owner}/{repo}/labels/{name}", { ...at(repository), name: label });
      return found.ok ? ok(found.value !== undefined) : found;
    },

    async findPull(repository, branch) {
      const head = `${at(repository).owner}:${branch}`;
      const listed = await ask("GET /repos/{owner}/{repo}/pulls", { ...at(repository), head, state: "open" });
      return listed.ok ? ok(listed.value[0]?.number) : listed;
    },

    ...makeInspection(asking),

    async createRepository(repository, description) {
      const { owner, repo } = at(repository);
      const self = await this.readSelf();
      if (!self.ok) return self;
      const wanted = { name: repo, description, private: true, has_wiki: false };
      const own = self.value.login.toLowerCase() === owner.toLowerCase();
      const made = own ? await ask("POST /user/repos", wanted) : await ask("POST /orgs/{org}/repos", { org: owner, ...wanted });
      return made.ok ? ok(Number(made.value.id)) : made;
    },

    async deleteRepository(repository) {
      return remove("DELETE /repos/{owner}/{repo}", at(repository));
    },

    async writeFile(repository, path, text, replaces) {
      return commitFile(asking, repository, { path, text, replaces });
    },

    async deleteFile(repository, path, replaces) {
      return remove("DELETE /repos/{owner}/{repo}/contents/{path}", {
        ...at(repository),
        path,
        message: "Take agent-pool's set-up back",
        sha: replaces,
      });
    },

    async protectBranch(repository, branch) {
      return done(
        await ask("PUT /repos/{owner}/{repo}/branches/{branch}/protection", {
          ...at(repository),
          branch,
          // Without the latter two an approved change could be put in another's place before it is merged.
          required_pull_request_reviews: {
            required_approving_review_count: 1,
            dismiss_stale_reviews: true,
            require_last_push_approval: true,
          },
          required_status_checks: null,
          enforce_admins: false,
          restrictions: null,
        }),
      );
    },

    async unprotectBranch(repository, branch) {
      return remove("DELETE /repos/{owner}/{repo}/branches/{branch}/protection", { ...at(repository), branch });
    },

    setEnvironment: (repository, environment, deploys) => setEnvironment(asking, repository, environment, deploys),

    async deleteEnvironment(repository, environment) {
      return remove("DELETE /repos/{owner}/{repo}/environments/{environment_name}", {
        ...at(repository),
        environment_name: environment,
      });
    },

    async setSecret(repository, environment, name, value) {
      const place = { ...at(repository), environment_name: environment };
      const key = await ask("GET /repos/{owner}/{repo}/environments/{environment_name}/secrets/public-key", place);
      if (!key.ok) return key;
      return done(
        await ask("PUT /repos/{owner}/{repo}/environments/{environment_name}/secrets/{secret_name}", {
          ...place,
          secret_name: name,
          key_id: key.value.key_id,
          encrypted_value: await sealSecret(value, key.value.key),
        }),
      );
    },

    async deleteSecret(repository, environment, name) {
      return remove("DELETE /repos/{owner}/{repo}/environments/{environment_name}/secrets/{secret_name}", {
        ...at(repository),
        environment_name: environment,
        secret_name: name,
      });
    },

    async createLabel(repository, label) {
      const description = "Asks agent-pool for a pull request";
      return done(
        await ask("POST /repos/{owner}/{repo}/labels", { ...at(repository), name: label, color: "1f6feb", description }),
      );
    },

    async deleteLabel(repository, label) {
      return remove("DELETE /repos/{owner}/{repo}/labels/{name}", { ...at(repository), name: label });
    },

    propose: (repository, proposal) => propose(asking, repository, proposal),

    merge: (repository, pull, wanted) => merge(asking, repository, pull, wanted),

    async withdraw(repository, pull, branch) {
      if (pull !== null) {
        const closed = await find("PATCH /repos/{owner}/{repo}/pulls/{pull_number}", {
          ...at(repository),
          pull_number: pull,
          state: "closed",
        });
        if (!closed.ok) return closed;
      }
      return removeBranch(asking, repository, branch);
    },
  };
}
