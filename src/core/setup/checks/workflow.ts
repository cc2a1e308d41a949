import { PROVIDERS } from "../../wire/contract.ts";
import { PROVIDER_URLS } from "../../wire/harnesses.ts";
import { KEY_SECRET } from "../files.ts";
import { policyOf } from "../policy-of.ts";
import { PublicUrl } from "../public-url.ts";
import { readWorkflow } from "../workflow.ts";
import { broken, list, see, unseen, well, type Check } from "./check.ts";
import { freshWorkflow, gh, initAgain, logIn, page } from "./fix.ts";
import { ofAddress, ofRunner, ofWorkflow, workflowFile } from "./parts.ts";

/** As `init` can bring it up to date in place. */
const ACTION = /^[\w.-]+\/[\w.-]+\/action@\S+$/;

/** The workflow file of the runner repository: which app a job obeys, where keys go, and what code sees them. */
export const WORKFLOW_CHECKS: readonly Check[] = [
  {
    name: "workflow-there",
    proves: "the workflow file is there and uses the Action",
    look: (facts) =>
      ofRunner(facts, ({ name, workflow }) => {
        if (workflow === null) return broken(`${name} has no ${workflowFile(facts)}`, initAgain(facts));
        if (readWorkflow(workflow.text) !== undefined) return well(`${workflowFile(facts)} uses the Action`);
        return broken(
          `${workflowFile(facts)} is no workflow that hands the Action attempt, key and app-url`,
          freshWorkflow(facts),
        );
      }),
  },
  {
    name: "workflow-enabled",
    proves: "GitHub has not switched the workflow off",
    look: (facts) =>
      ofRunner(facts, ({ name, workflowState }) =>
        see(workflowState, logIn(facts), (state) => {
          if (state === "active") return well("GitHub runs the workflow when it is dispatched");
          if (state === null) return unseen("GitHub lists no such workflow yet", "mend workflow-there first");
          const path = `repos/${name}/actions/workflows/${workflowFile(facts).split("/").at(-1) ?? ""}`;
          return broken(`the workflow is ${state.replaceAll("_", " ")}`, gh(facts, "api", "-X", "PUT", `${path}/enable`));
        }),
      ),
  },
  {
    name: "workflow-triggers",
    proves: "nothing but a dispatch starts a job with a key",
    look: (facts) =>
      ofWorkflow(facts, ({ triggers }) => {
        const more = triggers.filter((trigger) => trigger !== "workflow_dispatch");
        if (triggers.length === 1 && more.length === 0) return well("only a dispatch starts it");
        return broken(
          `it is started by ${list(more) || "nothing"} too: a job with a key must be the app's alone`,
          freshWorkflow(facts),
        );
      }),
  },
  {
    name: "workflow-key",
    proves: "a job sees the leased credential's key and no other",
    look: (facts) =>
      ofWorkflow(facts, ({ environment, handed }) => {
        const right = environment === "${{ inputs.credential }}" && handed["key"] === `\${{ secrets.${KEY_SECRET} }}`;
        return right
          ? well("a job sees the key of the leased credential's environment")
          : broken(
              `the job must run in the environment \${{ inputs.credential }} and hand over \${{ secrets.${KEY_SECRET} }}`,
              freshWorkflow(facts),
            );
      }),
  },
  {
    name: "workflow-alone",
    proves: "one job runs, on the machine itself, and reads the key once; what its own `run:` steps do isn't judged",
    look: (facts) =>
      ofWorkflow(facts, ({ jobs, beside, secrets }) => {
        const keyReads = secrets.filter((name) => name === undefined || name === KEY_SECRET).length;
        if (jobs !== 1)
          return broken(`${String(jobs)} jobs run beside each other, and one is handed the key`, freshWorkflow(facts));
        if (beside.length > 0)
          return broken(`the job has ${list(beside)}: other code than its steps would run beside the key`, freshWorkflow(facts));
        // Where none reads it, workflow-key says so.
        if (keyReads > 1)
          return broken(
            `the key is read by ${String(keyReads)} expressions, and should be by one: what is handed to the Action`,
            freshWorkflow(facts),
          );
        return well("one job runs, and the key is read once, for the Action");
      }),
  },
  {
    name: "workflow-upstreams",
    proves: "keys are sent to the providers, or to the proxies that `why` names, and never in the clear",
    look: (facts) =>
      ofWorkflow(facts, ({ handed }) => {
        const foreign = PROVIDERS.flatMap((provider) => {
          const address = (handed[`${provider}-base-url`] ?? "").replace(/\/+$/, "");
          return address === "" || address === PROVIDER_URLS[provider] ? [] : [{ provider, address }];
        });
        const said = foreign.map(({ provider, address }) => `keys of ${provider} are sent to ${address}`).join(", ");
        // An expression is filled with what others than those who may change the workflow can set.
        if (foreign.some(({ address }) => address.includes("${{") || !PublicUrl.safeParse(address).success))
          return broken(`${said}: that should be an address that begins with https://`, freshWorkflow(facts));
        return well(
          foreign.length === 0 ? "keys are sent to the providers themselves" : `${said}: is that the organisation's own?`,
        );
      }),
  },
  {
    name: "workflow-permissions",
    proves: "a job can prove which run it is, and do nothing else at GitHub",
    look: (facts) =>
      ofWorkflow(facts, ({ permissions }) => {
        const more = Object.entries(permissions).filter(([name, level]) => name !== "id-token" && level !== "none");
        if (permissions["id-token"] !== "write")
          return broken("the job can't prove to the app which run it is: it lacks id-token: write", freshWorkflow(facts));
        if (more.length === 0) return well("the job can prove which run it is, and do nothing else at GitHub");
        return broken(`the job may also ${list(more.map(([name, level]) => `${level} ${name}`))}`, freshWorkflow(facts));
      }),
  },
  {
    name: "workflow-pinned",
    proves: "every action that the workflow uses is named by its commit",
    look: (facts) =>
      ofWorkflow(facts, ({ uses }) => {
        const loose = uses.filter((each) => !each.startsWith("./") && (!/@[0-9a-f]{40}$/.test(each) || /@0{40}$/.test(each)));
        if (loose.length === 0) return well("all code beside the key is pinned by commit");
        return broken(
          `not pinned by commit: ${list(loose)}; a tag can be moved to code that reads the key`,
          freshWorkflow(facts),
        );
      }),
  },
  {
    name: "workflow-release",
    proves: "app and Action are of one release",
    look: (facts) =>
      ofWorkflow(facts, ({ action }) => {
        const { action: own } = facts.release;
        if (own === undefined)
          return unseen("which commit this release is of can't be told here", "run the doctor of a release, by npx agent-pool");
        const wanted = `${own.repository}/action@${own.commit}`;
        if (action === wanted) return well("app and Action are of one release");
        const mends = ACTION.test(action) ? initAgain(facts) : freshWorkflow(facts);
        return broken(`the Action is ${action || "none"}, and this release's ${wanted}`, mends);
      }),
  },
  {
    name: "workflow-app-url",
    proves: "jobs obey and report to this app",
    look: (facts) =>
      ofWorkflow(facts, ({ handed }) =>
        ofAddress(facts, (publicUrl) => {
          if (handed["app-url"] === publicUrl) return well("jobs report to this app");
          return broken(`jobs report to ${handed["app-url"] || "nobody"}, and the app is at ${publicUrl}`, initAgain(facts));
        }),
      ),
  },
  {
    name: "workflow-runs-on",
    proves: "jobs run on the machines whose minutes the policy counts",
    look: (facts) =>
      ofWorkflow(facts, ({ runsOn }) => {
        const policy = policyOf(facts);
        if (policy === undefined) return unseen("there is no valid policy to compare it with", "mend policy-valid first");
        const priced = policy.runner["runs-on"];
        if (runsOn === priced) return well(`jobs run on ${runsOn}, whose minutes the policy counts`);
        return broken(
          `jobs run on ${runsOn || "machines it doesn't name"}, and the policy counts minutes of ${priced}`,
          `${page(facts, facts.runnerName, "blob/HEAD", workflowFile(facts))}   # set runs-on there, or runner.runs-on in the policy`,
        );
      }),
  },
];
