/**
 * Removes secrets from text that leaves a process: known values, in the forms they are smuggled in, and the shapes of
 * today's tokens. Used by the Action on everything it reports and by the app on everything it publishes.
 */
const SHAPES: readonly RegExp[] = [
  // The bare prefix stands inside ordinary words ("task-…", "risk-…"), so it counts only where one begins, and what
  // follows must look like a key: a numbered kind, a named kind, or a run without dashes.
  /sk-ant-[a-z]+\d\d-[A-Za-z0-9_-]{8,}/g,
  /(?<![A-Za-z0-9])sk-ant-[A-Za-z0-9_-]{8,}/g,
  /(?<![A-Za-z0-9])sk-(?:proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{20,}/g,
  /(?<![A-Za-z0-9])sk-[A-Za-z0-9]{20,}/g,
  /\bgh[pousr]_[A-Za-z0-9_.-]{16,}/g,
  /\bgithub_pat_[A-Za-z0-9_]{20,}/g,
  /\bA(?:KIA|SIA)[0-9A-Z]{16}\b/g,
  /\bAIza[0-9A-Za-z_-]{35}/g,
  /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/g,
  /\bnpm_[A-Za-z0-9]{30,}/g,
  /\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|$)/g,
];

export const REDACTED = "[redacted]";

/** Shorter known values are left: removing every occurrence of a few letters destroys the text. */
const MIN_KNOWN = 8;

/**
 * `known` are values this process holds or held. Each is removed as it is, in base64 (all three alignments) and hex,
 * reversed, and each of these with up to three separators between its characters ("s k - a n t", base64 broken into
 * lines): the forms in which incidents of 2026 carried keys past plain matching.
 */
export function redact(text: string, known: readonly string[] = []): string {
  let out = text;
  for (const secret of known) {
    if (secret.length < MIN_KNOWN) continue;
    for (const form of encodedForms(secret)) out = out.replaceAll(form, REDACTED).replace(separated(form), REDACTED);
  }
  for (const shape of SHAPES) out = out.replace(shape, REDACTED);
  return out;
}

/** True where `redact` would change something: a file's content is refused, never silently altered. */
export function holdsSecret(text: string, known: readonly string[] = []): boolean {
  return redact(text, known) !== text;
}

function encodedForms(secret: string): string[] {
  const bytes = Buffer.from(secret, "utf8");
  // The same bytes look different in base64 at each offset modulo 3; the first and last characters depend on neighbours.
  const base64 = [0, 1, 2].flatMap((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), bytes]);
    const text = padded.toString("base64").replace(/=+$/, "");
    const body = text.slice(shift === 0 ? 0 : shift + 1, padded.length % 3 === 0 ? undefined : -1);
    return [body, body.replaceAll("+", "-").replaceAll("/", "_")];
  });
  const hex = bytes.toString("hex");
  return [secret, Array.from(secret).toReversed().join(""), hex, hex.toUpperCase(), ...base64].filter(
    (form) => form.length >= MIN_KNOWN,
  );
}

function separated(secret: string): RegExp {
  const characters = Array.from(secret, (character) => character.replace(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`));
  return new RegExp(characters.join(String.raw`[\s"'\x60+,.:|_\\-]{0,3}?`), "g");
}
