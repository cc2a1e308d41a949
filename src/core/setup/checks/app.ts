import { webhookUrlOf } from "../app-manifest.ts";
import type { AppFacts, Facts, InstallationFacts } from "../facts.ts";
import { policyRepository } from "../steps.ts";
import { broken, list, see, unseen, well, type Check, type Verdict } from "./check.ts";
import { initAgain, logIn, page, WHERE_ENV_IS } from "./fix.ts";
import { ofAddress } from "./parts.ts";

const RANK = { read: 1, write: 2, admin: 3 } as const;
function rank(level: string | undefined): number {
  return RANK[level as keyof typeof RANK] ?? 0;
}

function lacking(has: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(wanted).flatMap(([name, level]) => (rank(has[name]) < rank(level) ? [`${name}: ${level}`] : []));
}

/** Of the App, at whoever it belongs to: that need not be the owner whose set-up this is. */
function settingsPage(facts: Facts, { slug, owner }: AppFacts, tab: string): string {
  const place = owner?.kind === "Organization" ? ["organizations", owner.login] : [];
  return page(facts, ...place, "settings/apps", slug, tab);
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
      if (facts.hasAppKey && "unseen" in facts.app && facts.app.refused === true)
        return broken(
          `GitHub doesn't know the App by its key (${facts.app.unseen})`,
          `${page(facts, "settings/apps")}   # of the App, make a private key; put it and the App's id into .env`,
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
        return broken(`the App doesn't ask for ${list(missing)}`, settingsPage(facts, app, "permissions"));
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
          settingsPage(facts, app, "permissions"),
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
        return broken(`the App doesn't hear of ${list(missing)}`, settingsPage(facts, app, "permissions"));
      }),
  },
  {
    name: "webhook-url",
    proves: "GitHub sends events to where the app listens",
    look: (facts) =>
      see(facts.app, WHERE_ENV_IS, ({ webhookUrl }) =>
        ofAddress(facts, (publicUrl) => {
          const wanted = webhookUrlOf(publicUrl);
          if (webhookUrl === wanted) return well(`GitHub sends events to ${wanted}`);
          return broken(`GitHub sends events to ${webhookUrl || "nobody"}, and the app listens at ${wanted}`, initAgain(facts));
        }),
      ),
  },
  {
    name: "webhook-answered",
    proves: "the app took the last event that GitHub sent",
    look: (facts) =>
      see(facts.app, WHERE_ENV_IS, (app) => {
        const { lastDelivery } = app;
        if (lastDelivery === null)
          return unseen("GitHub shows no event that it has delivered yet", "label an issue, then run doctor again");
        if (lastDelivery >= 200 && lastDelivery < 300) return well("the app answered GitHub's last event");
        return broken(
          lastDelivery === 0
            ? "GitHub could not reach the app with its last event"
            : `the app answered GitHub's last event with ${String(lastDelivery)}`,
          `npx agent-pool start   # then, on ${settingsPage(facts, app, "advanced")}, have the event delivered again`,
        );
      }),
  },
  {
    name: "app-reachable",
    proves: "the app answers at its public address, from here",
    look: (facts) =>
      ofAddress(facts, (publicUrl) => {
        if ("unseen" in facts.server) return broken(facts.server.unseen, "npx agent-pool start");
        const { health } = facts.server.seen;
        return health === 200
          ? well(`the app answers at ${publicUrl}, from here`)
          : broken(`something else answers at ${publicUrl}: /healthz gives ${String(health)}`, "npx agent-pool start");
      }),
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
    name: "app-release",
    proves: "the app that runs is of this doctor's release",
    look: (facts) => {
      const own = facts.release.action?.commit;
      if (own === undefined)
        return unseen("which commit this release is of can't be told here", "run the doctor of a release, by npx agent-pool");
      return see(facts.server, "npx agent-pool start", ({ release }) => {
        if (release === null)
          return unseen("the app doesn't tell which commit it runs, as one of a container doesn't", "npx agent-pool start");
        if (release === own) return well("the app that runs is of this release");
        return broken(
          `the app runs ${release.slice(0, 7)}, and this is ${own.slice(0, 7)}`,
          "npx agent-pool start   # this release's, in the place of the one that runs",
        );
      });
    },
  },
  {
    name: "app-installed",
    proves: "the App is installed on the owner",
    look: (facts) =>
      see(facts.installation, WHERE_ENV_IS, (found) => {
        if (found !== null) return well(`the App is installed on ${facts.owner}`);
        const install =
          "seen" in facts.app
            ? `${facts.app.seen.page}/installations/new`
            : `${page(facts, "settings/apps")}   # of the App, install it`;
        return broken(`the App is not installed on ${facts.owner}`, install);
      }),
  },
  {
    name: "installation-active",
    proves: "the installation isn't suspended",
    look: (facts) =>
      installed(facts, ({ suspended, page: settings }) =>
        suspended
          ? broken("the installation is suspended: GitHub gives it no token", settings)
          : well("the installation is active"),
      ),
  },
  {
    name: "installation-permissions",
    proves: "an owner has accepted all that the App asks for",
    look: (facts) =>
      installed(facts, ({ permissions, events, page: settings }) => {
        const missing = [
          ...lacking(permissions, facts.release.permissions),
          ...facts.release.events.filter((event) => !events.includes(event)),
        ];
        if (missing.length === 0) return well("the installation grants what the App asks for");
        return broken(`an owner has not accepted yet: ${list(missing)}`, `${settings}/permissions/update`);
      }),
  },
  {
    name: "installation-repositories",
    proves: "the App sees the runner repository and the policy's",
    look: (facts) =>
      installed(facts, ({ page: settings, repositories, suspended }) => {
        if (suspended) return unseen("GitHub shows nothing of a suspended installation", "mend installation-active first");
        const covered = new Set(repositories.map((name) => name.toLowerCase()));
        const needed = [
          { name: facts.runnerName, found: facts.runner, first: "runner-there" },
          { name: policyRepository(facts.owner), found: facts.policy, first: "policy-there" },
        ];
        const out = needed.filter(({ name }) => !covered.has(name.toLowerCase()));
        if (out.length === 0) return well("the App sees the runner repository and the policy's");
        const missing = out.find(({ found }) => "seen" in found && found.seen === null);
        if (missing !== undefined) return unseen(`there is no repository ${missing.name}`, `mend ${missing.first} first`);
        return broken(
          `the App doesn't see ${list(out.map(({ name }) => name))}`,
          `${settings}   # add what it doesn't see to its repositories`,
        );
      }),
  },
  {
    name: "owner-seen",
    proves: "what only an owner sees was looked at",
    look: (facts) =>
      see(facts.account, logIn(facts), ({ administered, kind }) =>
        administered
          ? well("this is looked at with an owner's eyes")
          : unseen(
              `you are no owner of ${facts.owner}: what only one sees is not told here`,
              kind === "User" ? logIn(facts) : "have an owner run doctor",
            ),
      ),
  },
  {
    name: "plan",
    proves: "the plan has what locks a key in a private repository",
    look: (facts) =>
      see(facts.account, logIn(facts), ({ plan, kind }) => {
        if (plan === null) return unseen("GitHub shows the plan to owners alone", "have an owner run doctor");
        if (plan !== "free")
          return well(`the plan (${plan}) has protected branches and environments' secrets in private repositories`);
        return broken(
          "GitHub Free has neither protected branches nor environments' secrets in private repositories: keys would be open to all who can write there",
          kind === "User" ? page(facts, "settings/billing/plans") : page(facts, "organizations", facts.owner, "billing/plans"),
        );
      }),
  },
];
