import type { Result } from "#core/wire/result.ts";
import { ok } from "#core/wire/result.ts";

/**
 * Remembers answers for a while, by key, and lets those who ask at once share one question: two webhooks of one issue cost
 * GitHub one call. Bounded: the oldest goes first. `isGood`: an answer that work can go on with; another one is asked for
 * again next time, since somebody may have mended it.
 */
export function createMemory(forMs: number, max = 1_000) {
  const kept = new Map<string, { value: unknown; until: number }>();
  const asked = new Map<string, Promise<unknown>>();

  async function ask<T, E>(
    key: string,
    isGood: (answer: T) => boolean,
    read: () => Promise<Result<T, E>>,
  ): Promise<Result<T, E>> {
    const fresh = await read();
    if (fresh.ok && isGood(fresh.value)) {
      kept.delete(key);
      kept.set(key, { value: fresh.value, until: performance.now() + forMs });
      const oldest = kept.keys().next();
      if (kept.size > max && oldest.done !== true) kept.delete(oldest.value);
    }
    return fresh;
  }

  return {
    // Only `read` of the same key writes an entry, so what is kept or asked for has the type that `read` gives.
    async recall<T, E>(key: string, isGood: (answer: T) => boolean, read: () => Promise<Result<T, E>>): Promise<Result<T, E>> {
      const found = kept.get(key);
      if (found !== undefined && found.until > performance.now()) return ok(found.value as T);
      const asking =
        (asked.get(key) as Promise<Result<T, E>> | undefined) ?? ask(key, isGood, read).finally(() => asked.delete(key));
      asked.set(key, asking);
      return asking;
    },
  };
}
