import { webhookUrlOf } from "../app-manifest.ts";
import type { AppFacts, Facts, InstallationFacts } from "../facts.ts";
import { policyRepository } from "../steps.ts";
import { broken, initAgain, LOG_IN, list, see, unseen, well, WHERE_ENV_IS, type Check, type Verdict } from "./check.ts";

const RANK = { read: 1, write: 2, admin: 3 } as const;
function rank(level: string | undefined): number {
  return RANK[level as keyof typeof RANK] ?? 0;
}

function lacking(has: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(wanted).flatMap(([name, level]) => (rank(has[name]) < rank(level) ? [`${name}: ${level}`] : []));
}

function settingsPage(facts: Facts, app: AppFacts, page: string): string {
  const place = "seen" in facts.account && facts.account.seen.kind === "User" ? "" : `/organizations/${facts.owner}`;
  return `${facts.pages}${place}/settings/apps/${app.slug}${page}`;
}

/** What every check of the installation begins with. */
function installed(facts: Facts, look: (installation: InstallationFacts) => Verdict): Verdict {
  return see(facts.installation, WHERE_ENV_IS, (found) =>
    found === null ? unseen("the App is not installed", "mend app-installed first") : look(found),
  );
}

/** The App, its installation, and the process that answers for it. */
export const APP_CHECKS: readonly Check[] = [
  {
    name: "app-known",
    proves: "the key at hand is the App's",
    look: (facts) => {
      if (facts.hasAppKey && "unseen" in facts.app)
        return broken(
          `GitHub doesn't know the App by its key (${facts.app.unseen})`,
          `${facts.pages}/settings/apps   # of the App, make a private key; put it and the App's id into .env`,
        );
      return see(facts.app, WHERE_ENV_IS, ({ slug, id }) => well(`GitHub knows the App ${slug} (${String(id)}) by its key`));
    },
  },
  {
    name: "app-permissions",
    proves: "the App asks for every permission of this release",
    look: (facts) =>
      see(facts.app, WHERE_ENV_IS, (app) => {
        const missing = lacking(app.permissions, facts.release.permissions);
        if (missing.length === 0) return well("the App asks for all that it needs");
        return broken(`the App doesn't ask for ${list(missing)}`, settingsPage(facts, app, "/permissions"));
      }),
  },
  {
    name: "app-permissions-least",
    proves: "the App asks for no permission beyond them",
    look: (facts) =>
      see(facts.app, WHERE_ENV_IS, (app) => {
        const more = lacking(facts.release.permissions, app.permissions);
        if (more.length === 0) return well("the App asks for nothing else");
        return broken(
          `the App asks for ${list(more)}, which it has no use for: who takes it over has that too`,
          settingsPage(facts, app, "/permissions"),
        );
      }),
  },
  {
    name: "app-events",
    proves: "the App hears of every event that starts or ends work",
    look: (facts) =>
      see(facts.app, WHERE_ENV_IS, (app) => {
        const missing = facts.release.events.filter((event) => !app.events.includes(event));
        if (missing.length === 0) return well("the App hears of all that it needs to");
        return broken(`the App doesn't hear of ${list(missing)}`, settingsPage(facts, app, "/permissions"));
      }),
  },
  {
    name: "webhook-url",
    proves: "GitHub sends events to where the app listens",
    look: (facts) =>
      see(facts.app, WHERE_ENV_IS, ({ webhookUrl }) => {
        if (facts.publicUrl === undefined)
          return unseen("where the app is isn't known here", "set PUBLIC_URL, as the app has it");
        const wanted = webhookUrlOf(facts.publicUrl);
        if (webhookUrl === wanted) return well(`GitHub sends events to ${wanted}`);
        return broken(`GitHub sends events to ${webhookUrl}, and the app listens at ${wanted}`, initAgain(facts));
      }),
  },
  {
    name: "webhook-answered",
    proves: "the app took the last event that GitHub sent",
    look: (facts) =>
      see(facts.app, WHERE_ENV_IS, (app) => {
        const { lastDelivery } = app;
        if (lastDelivery === null) return unseen("GitHub has delivered no event yet", "label an issue, then run doctor again");
        if (lastDelivery >= 200 && lastDelivery < 300) return well("the app answered GitHub's last event");
        return broken(
          lastDelivery === 0
            ? "GitHub could not reach the app with its last event"
            : `the app answered GitHub's last event with ${String(lastDelivery)}`,
          `npx agent-pool start   # then, on ${settingsPage(facts, app, "/advanced")}, have the event delivered again`,
        );
      }),
  },
  {
    name: "app-reachable",
    proves: "the app answers at its public address, from here",
    look: (facts) => {
      if (facts.publicUrl === undefined) return unseen("where the app is isn't known here", "set PUBLIC_URL, as the app has it");
      if ("unseen" in facts.server) return broken(facts.server.unseen, "npx agent-pool start");
      const { health } = facts.server.seen;
      return health === 200
        ? well(`the app answers at ${facts.publicUrl}, from here`)
        : broken(`something else answers at ${facts.publicUrl}: /healthz gives ${String(health)}`, "npx agent-pool start");
    },
  },
  {
    name: "app-ready",
    proves: "the app reaches its store and GitHub",
    look: (facts) =>
      see(facts.server, "npx agent-pool start", ({ ready, says }) =>
        ready === 200
          ? well("the app reaches its store and GitHub")
          : broken(`the app is not ready: ${says}`, "npx agent-pool start"),
      ),
  },
  {
    name: "app-installed",
    proves: "the App is installed on the owner",
    look: (facts) =>
      see(facts.installation, WHERE_ENV_IS, (found) => {
        if (found !== null) return well(`the App is installed on ${facts.owner}`);
        const page = "seen" in facts.app ? facts.app.seen.page : `${facts.pages}/settings/apps`;
        return broken(`the App is not installed on ${facts.owner}`, `${page}/installations/new`);
      }),
  },
  {
    name: "installation-active",
    proves: "the installation isn't suspended",
    look: (facts) =>
      installed(facts, ({ suspended, page }) =>
        suspended ? broken("the installation is suspended: GitHub gives it no token", page) : well("the installation is active"),
      ),
  },
  {
    name: "installation-permissions",
    proves: "an owner has accepted all that the App asks for",
    look: (facts) =>
      installed(facts, ({ permissions, events, page }) => {
        const missing = [
          ...lacking(permissions, facts.release.permissions),
          ...facts.release.events.filter((event) => !events.includes(event)),
        ];
        if (missing.length === 0) return well("the installation grants what the App asks for");
        return broken(`an owner has not accepted yet: ${list(missing)}`, `${page}/permissions/update`);
      }),
  },
  {
    name: "installation-repositories",
    proves: "the App sees the runner repository and the policy's",
    look: (facts) =>
      installed(facts, ({ id, repositories }) => {
        const covered = new Set(repositories.map((name) => name.toLowerCase()));
        const needed = [
          { name: facts.runnerName, found: facts.runner },
          { name: policyRepository(facts.owner), found: facts.policy },
        ];
        const out = needed.filter(({ name }) => !covered.has(name.toLowerCase()));
        if (out.length === 0) return well("the App sees the runner repository and the policy's");
        const add = out.flatMap(({ found }) =>
          "seen" in found && found.seen !== null
            ? [`gh api -X PUT user/installations/${String(id)}/repositories/${String(found.seen.id)}`]
            : [],
        );
        return broken(
          `the App doesn't see ${list(out.map(({ name }) => name))}`,
          add.length === 0 ? initAgain(facts) : add.join(" && "),
        );
      }),
  },
  {
    name: "owner-seen",
    proves: "what only an owner sees was looked at",
    look: (facts) =>
      see(facts.account, LOG_IN, ({ administered, kind }) =>
        administered
          ? well("this is looked at with an owner's eyes")
          : unseen(
              `you are no owner of ${facts.owner}: what only one sees is not told here`,
              kind === "User" ? LOG_IN : "have an owner run doctor",
            ),
      ),
  },
  {
    name: "plan",
    proves: "the plan has what locks a key in a private repository",
    look: (facts) =>
      see(facts.account, LOG_IN, ({ plan, kind }) => {
        if (plan === null) return unseen("GitHub shows the plan to owners alone", "have an owner run doctor");
        if (plan !== "free")
          return well(`the plan (${plan}) has protected branches and environments' secrets in private repositories`);
        return broken(
          "GitHub Free has neither protected branches nor environments' secrets in private repositories: keys would be open to all who can write there",
          kind === "User" ? `${facts.pages}/settings/billing/plans` : `${facts.pages}/organizations/${facts.owner}/billing/plans`,
        );
      }),
  },
];
