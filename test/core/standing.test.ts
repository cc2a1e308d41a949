import { describe, expect, it } from "vitest";
import { parseConfig } from "#core/config/parse.ts";
import { Policy } from "#core/config/policy.ts";
import { standingOf, teamsNamed, teamsOfRoles, type Standing } from "#core/request/standing.ts";
import type { Role } from "#core/request/role.ts";
import { ActorId } from "#core/wire/ids.ts";

const ADA = { id: ActorId(30), login: "Ada" };
const SIX_LINES =
  "version: 1\npool:\n  - name: platform-api\n    provider: anthropic\nrunner: acme/agent-runner\nbudget: $200/month\n";
const TEAMS = "teams: { platform: {}, product: {}, data: {} }\n";
const OPERATORS = "  operator: { teams: [platform], people: [ada] }\n";
const REQUESTERS = "  requester: { teams: [product, support], people: [pat], tiers: [standard, light], tasks: 10/day }\n";
const ROLES = `roles:\n${OPERATORS}${REQUESTERS}`;

function policyOf(more: string): Policy {
  const parsed = parseConfig("policy", `${SIX_LINES}${more}`, Policy);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error.problems));
  return parsed.value;
}

/** A role's name → what GitHub answers for it. */
function role(name: string, userId = 30): Role {
  const legacy: Record<string, string> = { maintain: "write", triage: "read" };
  return { permission: legacy[name] ?? name, name, userId };
}

/** `operator`, `all` or tiers and tasks, and the team; or why not. */
function show(standing: Standing): string {
  if (!standing.start) return `no: ${standing.why.reason}${"role" in standing.why ? ` ${standing.why.role}` : ""}`;
  const { operator, tiers, tasksPerDay, team } = standing;
  return [operator ? "operator" : "requester", tiers?.join("+") ?? "all", tasksPerDay ?? "any", team].join(" ");
}

const REQUESTER = "requester standard+light 10";

const WITHOUT: readonly [string, Role | undefined, readonly string[], string][] = [
  ["admin", role("admin"), [], "operator all any everyone"],
  ["maintain", role("maintain"), [], "requester all any everyone"],
  ["write", role("write"), [], "requester all any everyone"],
  ["a custom role on write", { permission: "write", name: "releaser", userId: 30 }, [], "requester all any everyone"],
  ["triage", role("triage"), [], "no: actor-may-not-start triage"],
  ["read", role("read"), ["platform"], "no: actor-may-not-start read"],
  ["none", role("none"), ["platform"], "no: actor-may-not-start none"],
  ["nobody's login", undefined, ["platform"], "no: actor-may-not-start none"],
  ["admin by a login of somebody else by now", role("admin", 31), ["platform"], "no: actor-may-not-start none"],
  ["write, in one of the policy's teams", role("write"), ["data"], "requester all any data"],
  ["write, in several", role("write"), ["data", "product"], "requester all any product"],
  ["write, in a team the policy doesn't name", role("write"), ["sales"], "requester all any everyone"],
];

const WITH: readonly [string, { login?: string; role?: Role | undefined; teams?: readonly string[] }, string][] = [
  ["an operator by team, who reads", { role: role("read"), teams: ["platform"] }, "operator all any platform"],
  ["an operator by login, in other letters", { login: "ADA", role: role("read") }, "operator all any everyone"],
  ["an operator with write", { role: role("write"), teams: ["platform"] }, "operator all any platform"],
  ["a requester by the second of its teams", { role: role("read"), teams: ["support"] }, `${REQUESTER} everyone`],
  ["a requester by login", { login: "pat", role: role("triage") }, `${REQUESTER} everyone`],
  ["a requester who counts for a team of no role", { login: "pat", role: role("read"), teams: ["data"] }, `${REQUESTER} data`],
  ["a requester with admin, as a requester", { role: role("admin"), teams: ["product"] }, `${REQUESTER} product`],
  ["both, as an operator", { role: role("read"), teams: ["product", "platform"] }, "operator all any platform"],
  [
    "a requester of a listed operator's login",
    { login: "ada", role: role("read"), teams: ["product"] },
    "operator all any product",
  ],
  ["an admin in neither", { role: role("admin") }, "no: actor-in-no-role"],
  ["write in a team without a role", { role: role("write"), teams: ["data"] }, "no: actor-in-no-role"],
  ["read in neither", { role: role("read") }, "no: actor-in-no-role"],
  [
    "an operator's team without access to the repository",
    { role: role("none"), teams: ["platform"] },
    "no: actor-may-not-start none",
  ],
  ["a listed login nobody has", { login: "ada", role: undefined }, "no: actor-may-not-start none"],
  ["a listed login that changed hands", { login: "ada", role: role("admin", 31) }, "no: actor-may-not-start none"],
  [
    "an operator's team by a login that changed hands",
    { role: role("admin", 31), teams: ["platform"] },
    "no: actor-may-not-start none",
  ],
];

describe("standing", () => {
  it.each(WITHOUT)("without roles, of %s", (_name, read, memberships, expected) => {
    const standing = standingOf(policyOf(TEAMS), ADA, memberships, read);

    expect(show(standing)).toBe(expected);
  });

  it.each(WITH)("with roles, of %s", (_name, { login = "zoe", role: read, teams = [] }, expected) => {
    const standing = standingOf(policyOf(TEAMS + ROLES), { id: ActorId(30), login }, teams, read);

    expect(show(standing)).toBe(expected);
  });

  it.each([
    ["requesters alone", REQUESTERS, "no: actor-in-no-role", `${REQUESTER} product`],
    ["operators alone", OPERATORS, "operator all any platform", "no: actor-in-no-role"],
    ["requesters without limits", "  requester: { teams: [product] }\n", "no: actor-in-no-role", "requester all any product"],
  ])("where there are %s", (_name, roles, ofPlatform, ofProduct) => {
    const policy = policyOf(`${TEAMS}roles:\n${roles}`);

    const standings = [["platform"], ["product"]].map((teams) =>
      standingOf(policy, { ...ADA, login: "zoe" }, teams, role("write")),
    );

    expect(standings.map(show)).toEqual([ofPlatform, ofProduct]);
  });

  it("names the login it is refused to", () => {
    const standing = standingOf(policyOf(ROLES), { ...ADA, login: "Eve" }, [], role("write"));

    expect(standing).toEqual({ start: false, why: { reason: "actor-in-no-role", login: "Eve" } });
  });

  it.each([
    ["nothing", "", [], []],
    ["the teams that share the pool", TEAMS, [], ["platform", "product", "data"]],
    ["those of roles, each once", TEAMS + ROLES, ["platform", "product", "support"], ["platform", "product", "support", "data"]],
    ["no team, of people alone", "roles: { operator: { people: [ada] } }\n", [], []],
  ])("asks GitHub for %s", (_name, more, ofRoles, named) => {
    const policy = policyOf(more);

    expect([teamsOfRoles(policy), teamsNamed(policy)]).toEqual([ofRoles, named]);
  });
});
