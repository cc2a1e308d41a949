/** Folders that hold nothing but tests and what belongs to them. */
const FOLDERS = /(?:^|\/)(?:tests?|__tests__|specs?|__snapshots__|testdata|test-?fixtures)\//i;
/**
 * Files of tests beside the code, as the runners find them by default: Jest, Vitest, Mocha, Jasmine, RSpec, PHPUnit, JUnit
 * (`a.test.ts`, `a_spec.rb`, `ATest.java`), Go, Dart (`a_test.go`), pytest (`test_a.py`, `conftest.py`).
 */
const FILES =
  /(?:^|\/)(?:(?:[^/]+[._-](?:test|spec)|test_[^/]+|conftest)\.\w+|[^/]*[a-z0-9](?:Tests?|TestCase|Spec)\.(?:java|kt|kts|scala|groovy|cs|php|swift))$/;

/** Whether a file is one of a repository's tests, as far as its path tells. Pure. */
export function isTestPath(path: string): boolean {
  return FOLDERS.test(path) || FILES.test(path);
}
