import { describe, expect, it } from "vitest";
import { parseConfig } from "#core/config/parse.ts";
import { Policy } from "#core/config/policy.ts";

const SIX_LINES =
  "version: 1\npool:\n  - name: platform-api\n    provider: anthropic\nrunner: acme/agent-runner\nbudget: $200/month\n";

/** A role's settings, and the one problem with them as `path column found → expected`. All stand on line 7. */
const BROKEN: readonly [string, string][] = [
  ["{}", "roles 1 `{}` → should have `operator`, `requester` or both"],
  [
    "{ operator: { people: [ada] }, admin: { people: [ada] } }",
    'roles.admin 39 `{"people":["ada"]}` → `admin` is not a setting; check its spelling or remove it',
  ],
  ["{ operator: {} }", "roles.operator 10 `{}` → should name `teams`, `people` or both"],
  ["{ requester: { tasks: 5/day } }", 'roles.requester 10 `{"tasks":"5/day"}` → should name `teams`, `people` or both'],
  ["{ operator: { teams: platform } }", 'roles.operator.teams 22 `"platform"` → should be a list of teams, like `[platform]`'],
  ["{ operator: { teams: [] } }", "roles.operator.teams 22 `[]` → should be a list of teams, like `[platform]`"],
  [
    "{ operator: { teams: [Platform Team] } }",
    'roles.operator.teams.0 30 `"Platform Team"` → should be a team\'s name as in its address, like `platform`',
  ],
  ["{ operator: { people: ada } }", 'roles.operator.people 22 `"ada"` → should be a list of GitHub logins, like `[ada]`'],
  ['{ operator: { people: ["@ada"] } }', 'roles.operator.people.0 31 `"@ada"` → should be a GitHub login'],
  [
    "{ operator: { people: [ada], tiers: [light] } }",
    'roles.operator.tiers 37 `["light"]` → `tiers` is not a setting; check its spelling or remove it',
  ],
  [
    "{ requester: { people: [pat], tiers: [turbo] } }",
    'roles.requester.tiers.0 46 `"turbo"` → should be one of light, standard, frontier',
  ],
  [
    "{ requester: { people: [pat], tiers: light } }",
    'roles.requester.tiers 38 `"light"` → should be a list of tiers, of light, standard, frontier',
  ],
  [
    "{ requester: { people: [pat], tasks: 10 } }",
    'roles.requester.tasks 38 `10` → should be a number of tasks a day, like "10/day"',
  ],
  [
    "{ requester: { people: [pat], tasks: 0/day } }",
    'roles.requester.tasks 38 `"0/day"` → should be a number of tasks a day, like "10/day"',
  ],
  [
    "{ requester: { people: [pat], tasks: 10/week } }",
    'roles.requester.tasks 38 `"10/week"` → should be a number of tasks a day, like "10/day"',
  ],
];

describe("roles in the policy", () => {
  it("are none where nothing is said", () => {
    expect(parseConfig("policy", SIX_LINES, Policy)).toMatchObject({ ok: true, value: { version: 1 } });
    expect(parseConfig("policy", SIX_LINES, Policy)).not.toHaveProperty("value.roles");
  });

  it("name teams and people, whose logins have no case", () => {
    const text = `${SIX_LINES}roles:
  operator: { teams: [platform], people: [Ada] }
  requester: { teams: [product, support], tiers: [light, standard], tasks: 10/day }
`;

    expect(parseConfig("policy", text, Policy)).toMatchObject({
      ok: true,
      value: {
        roles: {
          operator: { teams: ["platform"], people: ["ada"] },
          requester: { teams: ["product", "support"], tiers: ["light", "standard"], tasks: 10 },
        },
      },
    });
  });

  it.each(BROKEN)("are refused with place and cure: %s", (roles, problem) => {
    const parsed = parseConfig("policy", `${SIX_LINES}roles: ${roles}\n`, Policy);

    const shown = parsed.ok ? [] : parsed.error.problems.map((p) => `${p.path} ${String(p.column)} ${p.found} → ${p.expected}`);
    expect(shown).toEqual([problem]);
  });
});
