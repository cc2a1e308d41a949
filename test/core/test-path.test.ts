import { describe, expect, it } from "vitest";
import { isTestPath } from "#core/change/test-path.ts";

describe("a path of a test", () => {
  it.each([
    "test/export.test.js",
    "tests/unit/a.py",
    "src/__tests__/a.tsx",
    "src/pages.test.ts",
    "src/pages-spec.js",
    "pkg/pages_test.go",
    "lib/test_pages.py",
    "conftest.py",
    "shop/conftest.py",
    "shop/tests.py",
    "src/walk/tests.rs",
    "src/it/java/acme/PagesIT.java",
    "spec/models/user_spec.rb",
    "src/test/java/acme/PagesTest.java",
    "Acme.Tests/Fixtures/PagesTests.cs",
    "test/fixtures/page.json",
    "src/__snapshots__/a.snap",
    "internal/testdata/page.txt",
  ])("%s is one", (path) => {
    expect(isTestPath(path)).toBe(true);
  });

  it.each([
    "src/pages.ts",
    "src/latest.js",
    "src/contest/page.py",
    "src/testing.ts",
    "docs/test.md",
    "src/inspect.ts",
    "special/a.ts",
    "test",
    "src/Latest.java",
    "attest.rb",
    "src/test-runner.ts",
    "src/testing/util.ts",
    "shop/management/commands/test.py",
    "src/commands/test.ts",
    "src/tests.ts",
    "src/GIT.java",
    "src/SpeedTest.tsx",
    "src/OpenApiSpec.ts",
  ])("%s is none", (path) => {
    expect(isTestPath(path)).toBe(false);
  });
});
