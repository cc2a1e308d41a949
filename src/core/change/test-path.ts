/** Folders that hold nothing but tests and what belongs to them. */
const FOLDERS = /(?:^|\/)(?:tests?|__tests__|specs?|__snapshots__|testdata|test-?fixtures)\//i;
/**
 * Files of tests beside the code, as the runners find them by default: Jest, Vitest, Mocha, Jasmine, RSpec, PHPUnit, JUnit
 * (`a.test.ts`, `a_spec.rb`, `ATest.java`, Maven Failsafe's `AIT.java`), Go, Dart (`a_test.go`), pytest (`test_a.py`, `conftest.py`);
 * and the modules that Django's and Rust's tests go by (`tests.py`, `tests.rs`).
 */
const FILES =
  /(?:^|\/)(?:(?:[^/]+[._-](?:test|spec)|test_[^/]+|conftest)\.\w+|tests\.(?:py|rs)|[^/]*[a-z0-9](?:Tests?|TestCase|Spec)\.(?:java|kt|kts|scala|groovy|cs|php|swift)|[^/]*[a-z0-9]IT\.(?:java|kt|scala|groovy))$/;

/**
 * Whether a file is one of a repository's tests, as far as its path tells. In doubt it is none: a trial lays what is one over the work
 * that it judges, and code of the product among it would be the answer (`commands/test.py`, `src/testing/util.ts`). Pure.
 */
export function isTestPath(path: string): boolean {
  return FOLDERS.test(path) || FILES.test(path);
}
