import type { Result } from "#core/wire/result.ts";
import { ok } from "#core/wire/result.ts";

/** Remembers successful answers for a while, by key. Bounded: the oldest goes first. */
export function createMemory(forMs: number, max = 1_000) {
  const kept = new Map<string, { value: unknown; until: number }>();
  return {
    async recall<T, E>(key: string, read: () => Promise<Result<T, E>>): Promise<Result<T, E>> {
      const found = kept.get(key);
      // Only `read` of the same key writes this entry, so its value has the type that `read` gives.
      if (found !== undefined && found.until > performance.now()) return ok(found.value as T);
      const fresh = await read();
      if (fresh.ok) {
        kept.delete(key);
        kept.set(key, { value: fresh.value, until: performance.now() + forMs });
        const oldest = kept.keys().next();
        if (kept.size > max && oldest.done !== true) kept.delete(oldest.value);
      }
      return fresh;
    },
  };
}
