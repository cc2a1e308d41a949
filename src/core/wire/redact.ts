/**
 * Removes secrets from text that leaves a process: known values, in the forms they are smuggled in, and the shapes of
 * today's tokens. Used by the Action on everything it reports and by the app on everything it publishes.
 *
 * The text is hostile, so each shape reads a run of its letters once: it takes the run whole or begins only at its start.
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
  /\bx(?:ox[abeoprs]|app)-[A-Za-z0-9-]{10,}/g,
  /\bhooks\.slack\.com\/services\/T\w+\/B\w+\/\w+/g,
  /\bnpm_[A-Za-z0-9]{30,}/g,
  // Others that begin with a name of their own. Compared with gitleaks' rules on 2026-11-25; what only a word beside it gives
  // away is left out, but for the secret half of an AWS key.
  /\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas)-[A-Za-z0-9_.=-]{20,}/g,
  /\b[rs]k_live_[A-Za-z0-9]{16,}/g,
  /\bwhsec_[A-Za-z0-9+/]{24,}/g,
  /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{32,}/g,
  /\b(?:hf_|gsk_|xai-|pplx-|r8_|ntn_|lin_api_|rubygems_|dapi)[A-Za-z0-9]{32,}/g,
  /\bsh(?:pat|pca|ppa|pss)_[a-fA-F0-9]{32}/g,
  /\bsbp_[a-f0-9]{40}/g,
  /\bdo[opr]_v1_[a-f0-9]{64}/g,
  /\bdckr_[op]at_[A-Za-z0-9_-]{20,}/g,
  /\bpypi-AgE[A-Za-z0-9_-]{50,}/g,
  /\bhvs\.[A-Za-z0-9_-]{24,}/g,
  /\bATATT3[A-Za-z0-9_=-]{50,}/g,
  /\bABSK[A-Za-z0-9+/]{80,}/g,
  /\bGOCSPX-[A-Za-z0-9_-]{24,}/g,
  /\bya29\.[A-Za-z0-9_-]{30,}/g,
  /\bAccountKey=[A-Za-z0-9+/]{80,}/g,
  /\bAGE-SECRET-KEY-1[0-9A-Z]{58}/g,
  /(?<=\baws_?secret_?access_?key["']?\s{0,5}[:=]\s{0,5}["']?)[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/])/gi,
  // A lookahead is not entered a second time: a run that no dot follows is given up and not tried from each `eyJ` in it.
  /(?<![A-Za-z0-9_-])(?=((?:[A-Za-z0-9_-]*?[_-])?eyJ[A-Za-z0-9_-]{10,}))\1\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|$)/g,
];

export const REDACTED = "[redacted]";

/** Shorter known values are left: removing every occurrence of a few letters destroys the text. */
const MIN_KNOWN = 8;

/**
 * `known` are values this process holds or held. Each is removed as it is, in base64 (all three alignments) and hex,
 * reversed, and each of these with any separators between its characters ("s k - a n t", base64 broken into lines): the
 * forms in which incidents of 2026 carried keys past plain matching. Pure.
 */
export function redact(text: string, known: readonly string[] = []): string {
  const forms = known.filter((secret) => secret.length >= MIN_KNOWN).flatMap(encodedForms);
  let out = text;
  for (const form of forms) out = out.replaceAll(form, REDACTED);
  out = withoutSeparated(out, forms);
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

const SEPARATORS = /[\s"'\x60+,.:|_\\-]+/g;

/**
 * Looks for the forms where text and form have no separators. (A pattern that allows them between any two characters
 * took 11.7 s for a form that itself held some, in 64 kB of dashes.)
 */
function withoutSeparated(text: string, forms: readonly string[]): string {
  const bare = [...new Set(forms.map((form) => form.replace(SEPARATORS, "")))].filter((form) => form.length >= MIN_KNOWN);
  if (bare.length === 0) return text;
  // Pieces between separators, and where each begins in the text without them.
  const pieces: { readonly from: number; readonly at: number }[] = [];
  let letters = "";
  for (const piece of text.matchAll(/[^\s"'\x60+,.:|_\\-]+/g)) {
    pieces.push({ from: piece.index, at: letters.length });
    letters += piece[0];
  }
  const found = bare.flatMap((form) => placesOf(form, letters)).toSorted((a, b) => a.from - b.from);
  let out = "";
  let end = 0;
  let piece = 0;
  /** The place in the text of a letter; asked for in rising order, so that the pieces are gone through once. */
  const placeOf = (letter: number): number => {
    while ((pieces[piece + 1]?.at ?? Number.POSITIVE_INFINITY) <= letter) piece += 1;
    return (pieces[piece]?.from ?? 0) + letter - (pieces[piece]?.at ?? 0);
  };
  let reached = 0;
  for (const { from, to } of found) {
    if (to <= reached) continue;
    // Two forms may overlap; what the first left of the second goes with it.
    const start = placeOf(Math.max(from, reached));
    out += from < reached ? "" : text.slice(end, start) + REDACTED;
    end = placeOf(to - 1) + 1;
    reached = to;
  }
  return out + text.slice(end);
}

function placesOf(form: string, letters: string): { readonly from: number; readonly to: number }[] {
  const places = [];
  for (let from = letters.indexOf(form); from >= 0; from = letters.indexOf(form, from + form.length)) {
    places.push({ from, to: from + form.length });
  }
  return places;
}
