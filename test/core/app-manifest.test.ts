import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { newAppPage, pagesOf, toManifest } from "#core/setup/app-manifest.ts";

const APP_YML = readFileSync(join(import.meta.dirname, "../../app.yml"), "utf8");
const AT = { publicUrl: "https://agents.acme.dev/pool", returnUrl: "http://localhost:3000/probot/setup" };

describe("the manifest of a new App", () => {
  it("is app.yml with this deployment's addresses, for one account alone", () => {
    const manifest = toManifest(APP_YML, "acme", AT);

    expect(manifest).toMatchObject({
      name: "agent-pool-acme",
      public: false,
      hook_attributes: { url: "https://agents.acme.dev/pool/api/github/webhooks", active: true },
      redirect_url: "http://localhost:3000/probot/setup",
    });
    expect(JSON.stringify(manifest)).not.toContain("example.com");
  });

  it("asks for these permissions and no others", () => {
    expect(toManifest(APP_YML, "", AT)).toMatchObject({
      name: "agent-pool",
      default_permissions: {
        metadata: "read", issues: "write", pull_requests: "write", contents: "write", actions: "write", checks: "write", members: "read",
      },
    }); // prettier-ignore
    expect(Object.keys(toManifest(APP_YML, "", AT)["default_permissions"] as object)).toHaveLength(7);
  });

  it("has a name as short as GitHub takes it", () => {
    expect(String(toManifest(APP_YML, "a".repeat(39), AT)["name"])).toHaveLength(34);
  });
});

describe("GitHub's pages", () => {
  it.each([
    ["https://api.github.com", "https://github.com"],
    ["https://ghe.example.com/api/v3", "https://ghe.example.com"],
    ["https://api.acme.ghe.com", "https://acme.ghe.com"],
  ])("of the API at %s are at %s", (api, pages) => {
    expect(pagesOf(api)).toBe(pages);
  });

  it.each([
    ["acme", "https://github.com/organizations/acme/settings/apps/new?state=a%2Fb"],
    ["", "https://github.com/settings/apps/new?state=a%2Fb"],
  ])("make an App for %j at %s", (owner, page) => {
    expect(newAppPage("https://api.github.com", owner, "a/b")).toBe(page);
  });
});
