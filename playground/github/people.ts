import type { Person } from "../types.ts";
import { cancelRun } from "./actions.ts";
import { moveRef, resolve } from "./git-repository.ts";
import { addComment, addLabel, editComment, editIssue, openIssue, setIssueState, takeLabel } from "./issues.ts";
import { dismissReview, markReady, mergePull, reviewPull, revertPull, setPullState } from "./pulls.ts";
import { refMoved } from "./refs.ts";
import { replyInThread, threadAt, type ReviewThread } from "./review-threads.ts";
import { isPull, type PullIssue } from "./shapes/pull.ts";
import { nextId, nowOf, repositoryNamed, type Account, type GitHub, type Issue, type Repository } from "./state.ts";

/** An account, made once: an owner of kind User is the same as the person of that name. */
export function makeAccount(github: GitHub, login: string, type: Account["type"]): Account {
  const known = github.accounts.get(login.toLowerCase());
  if (known !== undefined) return known;
  const account = { id: nextId(github), login, type, createdAt: nowOf(github) };
  github.accounts.set(login.toLowerCase(), account);
  return account;
}

/** Someone at GitHub's web page. The demo and the tests decide who may do what; the page would not ask either. */
export function makePerson(github: GitHub, account: Account): Person {
  const at = (name: string, number: number): { repository: Repository; issue: Issue } => {
    const repository = repositoryNamed(github, name);
    const issue = repository.issues.get(number);
    if (issue === undefined) throw new Error(`no issue ${name}#${String(number)}`);
    return { repository, issue };
  };
  const pullAt = (name: string, number: number): { repository: Repository; pull: PullIssue } => {
    const { repository, issue } = at(name, number);
    if (!isPull(issue)) throw new Error(`${name}#${String(number)} is no pull request`);
    return { repository, pull: issue };
  };
  const threadOf = (name: string, number: number, comment: number): ReviewThread => {
    const thread = threadAt(pullAt(name, number).pull, comment);
    if (thread === undefined) throw new Error(`no thread ${String(comment)} on ${name}#${String(number)}`);
    return thread;
  };
  return {
    id: account.id,
    login: account.login,
    async openIssue(name, issue) {
      return Promise.resolve({ number: openIssue(github, repositoryNamed(github, name), account, issue).number });
    },
    async label(name, number, label) {
      const { repository, issue } = at(name, number);
      addLabel(github, repository, account, issue, label);
      return Promise.resolve();
    },
    async comment(name, number, body) {
      const { repository, issue } = at(name, number);
      return Promise.resolve({ id: addComment(github, repository, account, issue, body).id });
    },
    async unlabel(name, number, label) {
      const { repository, issue } = at(name, number);
      takeLabel(github, repository, account, issue, label);
      return Promise.resolve();
    },
    async closeIssue(name, number) {
      const { repository, issue } = at(name, number);
      setIssueState(github, repository, account, issue, "closed");
      return Promise.resolve();
    },
    async reopenIssue(name, number) {
      const { repository, issue } = at(name, number);
      setIssueState(github, repository, account, issue, "open");
      return Promise.resolve();
    },
    async editComment(name, id, body) {
      const repository = repositoryNamed(github, name);
      const comment = repository.comments.get(id);
      if (comment === undefined) throw new Error(`no comment ${String(id)} in ${name}`);
      editComment(github, repository, account, comment, body);
      return Promise.resolve();
    },
    async editIssue(name, number, change) {
      const { repository, issue } = at(name, number);
      editIssue(github, repository, account, issue, change);
      return Promise.resolve();
    },
    async cancelRun(name, id) {
      const run = repositoryNamed(github, name).runs.get(id);
      if (run === undefined || run.status === "completed") throw new Error(`no run ${String(id)} in ${name} that goes on`);
      cancelRun(github, run);
      return Promise.resolve();
    },
    async deleteBranch(name, branch) {
      const repository = repositoryNamed(github, name);
      const ref = `refs/heads/${branch}`;
      const before = await resolve(repository.git, ref);
      if (before === undefined) throw new Error(`no branch ${branch} in ${name}`);
      await moveRef(repository.git, ref, before, null);
      refMoved(github, repository, { ref, before, after: null }, account);
    },
    async markReady(name, number) {
      const { repository, pull } = pullAt(name, number);
      await markReady(github, repository, pull, account);
    },
    async reviewPull(name, number, review) {
      const { repository, pull } = pullAt(name, number);
      reviewPull(github, repository, pull, account, review);
      return Promise.resolve();
    },
    async replyInThread(name, number, comment, body) {
      replyInThread(github, threadOf(name, number, comment), account, body);
      return Promise.resolve();
    },
    async resolveThread(name, number, comment) {
      threadOf(name, number, comment).resolved = true;
      return Promise.resolve();
    },
    async dismissReview(name, number, of) {
      const { repository, pull } = pullAt(name, number);
      dismissReview(github, repository, pull, makeAccount(github, of, "User"), account);
      return Promise.resolve();
    },
    async closePull(name, number) {
      const { repository, pull } = pullAt(name, number);
      await setPullState(github, repository, pull, "closed", account);
    },
    async reopenPull(name, number) {
      const { repository, pull } = pullAt(name, number);
      await setPullState(github, repository, pull, "open", account);
    },
    async mergePull(name, number, method = "merge") {
      const { repository, pull } = pullAt(name, number);
      if (pull.pull.draft || pull.state === "closed") throw new Error(`${name}#${String(number)} is a draft, or closed`);
      const merged = await mergePull(github, repository, pull, account, { method });
      if (typeof merged === "string") throw new Error(`${name}#${String(number)} can't be merged: ${merged}`);
      return merged.sha;
    },
    async revertPull(name, number) {
      const { repository, pull } = pullAt(name, number);
      return { number: (await revertPull(github, repository, pull, account)).number };
    },
  };
}
