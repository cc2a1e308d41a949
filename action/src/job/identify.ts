import * as core from "@actions/core";
import { messageOf } from "#action/runner/failure.ts";
import type { Inputs } from "#action/runner/inputs.ts";
import { err, ok, type Result } from "#core/wire/result.ts";

/** GitHub's signed word of which run this is, for the app alone. */
export async function identify({ appUrl }: Pick<Inputs, "appUrl">): Promise<Result<string, string>> {
  try {
    return ok(await core.getIDToken(appUrl));
  } catch (cause) {
    return err(`GitHub gave no OIDC token (${messageOf(cause)}). The job needs \`permissions: id-token: write\`.`);
  }
}
