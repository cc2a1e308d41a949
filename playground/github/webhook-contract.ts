import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import formats from "ajv-formats";
import { createRequire } from "node:module";

/**
 * Checks payloads against `@octokit/webhooks-schemas`, which is one file: `definitions` named `event$action`, with
 * `additionalProperties: false` nearly everywhere, so that a field GitHub does not send is noticed too.
 */
const schema = createRequire(import.meta.url)("@octokit/webhooks-schemas") as { definitions: Record<string, unknown> };

// `tsAdditionalProperties` is a note for a code generator; `strict` would refuse it.
const ajv = new Ajv({ strict: false, allErrors: true, discriminator: false });
formats.default(ajv);
ajv.addSchema({ $id: "webhooks", definitions: schema.definitions });

const compiled = new Map<string, ValidateFunction>();

/** What is wrong with a payload; empty when it is as GitHub's schema says. An event without a schema is wrong. */
export function checkPayload(event: string, payload: Readonly<Record<string, unknown>>): readonly string[] {
  const action = typeof payload["action"] === "string" ? payload["action"] : "event";
  const name = `${event}$${action}`;
  if (schema.definitions[name] === undefined) return [`no schema for ${name}`];
  const validate = compiled.get(name) ?? ajv.compile({ $ref: `webhooks#/definitions/${encodeURIComponent(name)}` });
  compiled.set(name, validate);
  return validate(payload) ? [] : describeErrors(validate.errors);
}

export function describeErrors(errors: readonly ErrorObject[] | null | undefined): string[] {
  return (errors ?? []).slice(0, 5).map((error) => {
    const more = "additionalProperty" in error.params ? ` '${String(error.params["additionalProperty"])}'` : "";
    return `${error.instancePath || "/"} ${error.message ?? error.keyword}${more}`;
  });
}
