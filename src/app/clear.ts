import { CredentialName, type OwnerId } from "#core/wire/ids.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { Cleared, Store } from "#ports/store.ts";
import { ownersNamed } from "./owners.ts";
import { parsePolicy } from "#core/config/policy-file.ts";

export type ClearedCredential = Cleared & { readonly owner: string; readonly credential: string };

/**
 * Has a credential serve again whose key was replaced, or whose rest its operator knows to be over. `reference`: its name in
 * the policy, `owner/name` where several owners have one of that name.
 */
export async function clearCredential(store: Store, reference: string): Promise<Result<ClearedCredential, string>> {
  const [name = "", login] = reference.split("/").toReversed();
  const found: { owner: OwnerId; login: string; account: string | undefined }[] = [];
  for (const owner of await ownersNamed(store, login)) {
    const kept = await store.readPolicy(owner.owner);
    const policy = kept === undefined ? undefined : parsePolicy(owner.login, kept.text);
    const entry = policy?.ok === true ? policy.value.pool.find((each) => each.name === name) : undefined;
    if (entry !== undefined) found.push({ ...owner, account: entry.account });
  }
  const [first, ...others] = found;
  if (first === undefined)
    return err(`no policy that could be read names a credential ${reference}; \`agent-pool pool\` shows what there is`);
  if (others.length > 0) return err(`several owners have a credential ${name}: say which, as in ${first.login}/${name}`);
  const cleared = await store.clearCredential(first.owner, CredentialName(name), first.account);
  return ok({ ...cleared, owner: first.login, credential: name });
}
