import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sampleFiles } from "#playground/sample.ts";
import { startGitHub } from "#playground/github/server.ts";
import { PRODUCT, ROOT } from "#playground/world.ts";
import type { Template } from "./deliveries.ts";

/**
 * An emulated GitHub with so many issues that the app has not heard of yet. The organisation has no policy, so that a task ends at its plan, with a
 * comment: a pool's queue of thousands would be another measurement.
 */
export type GitHubReady = {
  readonly url: string;
  readonly app: { readonly id: number; readonly privateKey: string };
  readonly template: Template;
};

const [issues, secret = ""] = process.argv.slice(2);

const dataDir = mkdtempSync(join(tmpdir(), "bench-webhook-github-"));
process.once("exit", () => rmSync(dataDir, { recursive: true, force: true }));
process.once("disconnect", () => process.exit());

const github = await startGitHub({
  appManifest: join(ROOT, "app.yml"),
  dataDir,
  // The callers deliver; nobody listens there.
  webhook: { url: "http://127.0.0.1:9/", secret },
  app: { id: 1_234, slug: "agent-pool" },
  // One installation gets as many tasks in minutes as real ones in months; what the app says of them is not to be held up.
  limits: { perMinute: Number.MAX_SAFE_INTEGER, perHour: Number.MAX_SAFE_INTEGER },
});
await github.createOwner({ login: "acme", kind: "Organization" });
await github.createRepository({ owner: "acme", name: "web", private: true, files: sampleFiles() });
const maintainer = await github.createPerson("maintainer");
github.setRole(PRODUCT, "maintainer", "write");
const [title = "", ...body] = readFileSync(join(ROOT, "playground/sample-issue.md"), "utf8").split("\n");
const issue = { title, body: body.join("\n") };
// Before the App is installed: GitHub sends nothing of them.
for (let number = 1; number <= Number(issues); number += 1) await maintainer.openIssue(PRODUCT, issue);
await github.installApp("acme");
await maintainer.openIssue(PRODUCT, { ...issue, labels: ["agent"] });
await github.delivered();
const labeled = github.deliveries().find(({ event, action }) => event === "issues" && action === "labeled");
if (labeled === undefined) throw new Error("GitHub sends no event for a label");
const ready: GitHubReady = {
  url: github.url,
  app: { id: github.app.id, privateKey: github.app.privateKeyPem },
  template: labeled.payload as Template,
};
process.send?.(ready);
