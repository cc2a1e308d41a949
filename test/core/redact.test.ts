import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { holdsSecret, redact, REDACTED } from "#core/wire/redact.ts";
import { growth, LINEAR } from "./growth.ts";

/** Put together here, so that this file holds nothing a scanner would take for a key. */
const LETTERS = "aB3dE5fG7hJ9kL2mN4pQ6rS8tU1vW3xY5zA7bC9dE2fG4hJ6kL8m";
const GAP = "";
const TOKENS: readonly [string, string][] = [
  ["an Anthropic API key", `sk-ant-${GAP}api03-${LETTERS}-${LETTERS}AA`],
  ["an Anthropic OAuth token", `sk-ant-${GAP}oat01-${LETTERS}_x`],
  ["an Anthropic key of an older kind", `sk-ant-${LETTERS}`],
  ["an Anthropic key that a letter stands before", `xsk-ant-${GAP}api03-${LETTERS}`],
  ["an OpenAI project key", `sk-proj-${LETTERS}_${LETTERS}-A`],
  ["an OpenAI service account key", `sk-svcacct-${LETTERS}`],
  ["an OpenAI admin key", `sk-admin-${LETTERS}`],
  ["an OpenAI key of an older kind", `sk-${LETTERS.slice(0, 48)}`],
  ["an OpenRouter key", `sk-or-v1-${"0123456789abcdef".repeat(4)}`],
  ["a personal access token of GitHub", `ghp_${LETTERS.slice(0, 36)}`],
  ["an OAuth token of GitHub", `gho_${LETTERS.slice(0, 36)}`],
  ["a user token of a GitHub App", `ghu_${LETTERS.slice(0, 36)}`],
  ["an installation token of GitHub", `ghs_${LETTERS.slice(0, 36)}`],
  ["an installation token with dots", `ghs_${LETTERS.slice(0, 20)}.${LETTERS.slice(0, 20)}.${LETTERS}`],
  ["a refresh token of GitHub", `ghr_${LETTERS}`],
  ["a fine-grained token of GitHub", `github_pat_${LETTERS.slice(0, 22)}_${LETTERS}`],
  ["an AWS key id", `AKIA${GAP}ABCDEFGH23456789`],
  ["a temporary AWS key id", `ASIA${GAP}ABCDEFGH23456789`],
  ["a Google key", `AIza${LETTERS.slice(0, 35)}`],
  ["a Google key that ends in a dash", `AIza${LETTERS.slice(0, 34)}-`],
  ["a Slack bot token", `xoxb-${GAP}123456789012-123456789012-${LETTERS.slice(0, 24)}`],
  ["a Slack app token", `xapp-${GAP}1-A0123456789-${LETTERS.slice(0, 24)}`],
  ["an address of a Slack hook", `hooks.slack.com${GAP}/services/T01234567/B01234567/${LETTERS.slice(0, 24)}`],
  ["a GitLab token", `glpat-${GAP}${LETTERS.slice(0, 20)}`],
  ["a GitLab token with a route", `glpat-${GAP}${LETTERS.slice(0, 27)}.01.0w1abcdef`],
  ["a live key of Stripe", `sk_live_${GAP}${LETTERS.slice(0, 24)}`],
  ["a restricted key of Stripe", `rk_live_${GAP}${LETTERS.slice(0, 24)}`],
  ["a webhook secret of Stripe", `whsec_${GAP}${LETTERS.slice(0, 32)}`],
  ["a SendGrid key", `SG.${GAP}${LETTERS.slice(0, 22)}.${LETTERS.slice(0, 43)}`],
  ["a Hugging Face token", `hf_${GAP}${LETTERS.slice(0, 34)}`],
  ["a Groq key", `gsk_${GAP}${LETTERS}`],
  ["an xAI key", `xai-${GAP}${LETTERS}${LETTERS}`],
  ["a Notion token", `ntn_${GAP}${LETTERS.slice(0, 46)}`],
  ["a Shopify token", `shpat_${GAP}${"0a1b2c3d".repeat(4)}`],
  ["a Supabase token", `sbp_${GAP}${"0a1b2c3d".repeat(5)}`],
  ["a DigitalOcean token", `dop_v1_${GAP}${"0a1b2c3d".repeat(8)}`],
  ["a Docker token", `dckr_pat_${GAP}${LETTERS.slice(0, 27)}`],
  ["a PyPI token", `pypi-AgEIcHlwaS5vcmc${GAP}${LETTERS}`],
  ["a Vault token", `hvs.${GAP}${LETTERS}`],
  ["an Atlassian token", `ATATT3${GAP}${LETTERS}${LETTERS}`],
  ["a key of Bedrock", `ABSK${GAP}${LETTERS}${LETTERS}`],
  ["a Google client secret", `GOCSPX-${GAP}${LETTERS.slice(0, 28)}`],
  ["a Google access token", `ya29.${GAP}${LETTERS}`],
  ["a key of Azure's storage", `AccountKey=${GAP}${LETTERS}${LETTERS.slice(0, 34)}==`],
  ["a key of age", `AGE-SECRET-KEY-1${GAP}${"QPZRY9X8GF".repeat(6).slice(0, 58)}`],
  ["the secret half of an AWS key", `AWS_SECRET_ACCESS_KEY="${LETTERS.slice(0, 40)}"`],
  ["an npm token", `npm_${LETTERS.slice(0, 36)}`],
  ["a JSON web token", `eyJ${LETTERS.slice(0, 20)}.eyJ${LETTERS.slice(0, 30)}.${LETTERS}`],
  ["a JSON web token behind a dash", `-eyJ${LETTERS.slice(0, 20)}.eyJ${LETTERS.slice(0, 30)}.${LETTERS}`],
  ["a JSON web token behind other letters", `id_eyJeyJ-eyJ${LETTERS.slice(0, 20)}.eyJ${LETTERS.slice(0, 30)}.${LETTERS}`],
  ["a JSON web token behind a dot", `v1.eyJ${LETTERS.slice(0, 20)}.eyJ${LETTERS.slice(0, 30)}.${LETTERS}`],
  ["a private key", `-----BEGIN RSA PRIVATE${GAP} KEY-----\n${LETTERS}\n${LETTERS}\n-----END RSA PRIVATE KEY-----`],
  ["a private key of OpenSSH", `-----BEGIN OPENSSH PRIVATE${GAP} KEY-----\n${LETTERS}\n-----END OPENSSH PRIVATE KEY-----`],
  ["a private key without its end", `-----BEGIN PRIVATE${GAP} KEY-----\n${LETTERS}\n${LETTERS}`],
  ["a private key of PGP", `-----BEGIN PGP PRIVATE${GAP} KEY BLOCK-----\n\n${LETTERS}\n-----END PGP PRIVATE KEY BLOCK-----`],
];

const ORDINARY: readonly [string, string][] = [
  ["a commit's id", "0123456789abcdef0123456789abcdef01234567"],
  ["a UUID", "123e4567-e89b-12d3-a456-426614174000"],
  ["a hash", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
  ["a short word after sk", "sk-learn and sk-image"],
  ["long words after sk", "sk-learn-contrib-imbalanced-extensions"],
  ["a word that ends in sk", "task-implement-the-new-feature-in-full"],
  ["another word that ends in sk", "risk-assessment-of-the-whole-platform"],
  ["a task of ants", "task-ant-colony-optimizer"],
  [
    "a URL of an image",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  ],
  [
    "an integrity of a lock file",
    "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
  ],
  ["a public key", "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----"],
  ["a variable's name for an AWS key", "aws_secret_access_key = ${{ secrets.AWS_SECRET_ACCESS_KEY }}"],
  ["names with the prefixes of tokens", "hf_hub_download gsk_model dapi_client xai-grok-4-fast-reasoning hvs.get SG.mail.send"],
  ["a test key of Stripe", `sk_test_${GAP}${LETTERS.slice(0, 24)}`],
  ["the names of our variables", "AGENT_POOL_KEY, ANTHROPIC_API_KEY, GITHUB_TOKEN"],
  ["a package of npm", "npm_config_registry and npm_package_name"],
  ["names with the letters of a web token", "monkeyJumpController.animationState.currentFrameIndex"],
  ["code", "const total = prices.reduce((sum, price) => sum + price, 0);"],
];

const SECRET = `sk-ant-${GAP}api03-Zq8+/w_Tb7-Lm2Vx9Kc4`;

describe("redact", () => {
  it.each(TOKENS)("removes %s by its shape", (_name, token) => {
    const text = redact(`before ${token} after`);

    expect(text).not.toContain(token);
    expect(text).not.toContain(LETTERS.slice(4, 20));
    expect(text.startsWith("before ")).toBe(true);
    expect(text).toContain(REDACTED);
    expect(holdsSecret(`x = "${token}"`)).toBe(true);
  });

  it.each(ORDINARY)("leaves %s alone", (_name, text) => {
    const out = redact(text);

    expect(out).toBe(text);
    expect(holdsSecret(text)).toBe(false);
  });

  it.each([
    ["as it is", SECRET],
    ["reversed", Array.from(SECRET).toReversed().join("")],
    ["in hex", Buffer.from(SECRET).toString("hex")],
    ["in upper-case hex", Buffer.from(SECRET).toString("hex").toUpperCase()],
    ["in hex with colons", Buffer.from(SECRET).toString("hex").replace(/../g, "$&:")],
    ["in base64", Buffer.from(SECRET).toString("base64")],
    ["in base64 of URLs", Buffer.from(SECRET).toString("base64url")],
    ["in base64 that is broken into lines", Buffer.from(SECRET).toString("base64").replace(/.{10}/g, "$&\n")],
    ["with spaces between", Array.from(SECRET).join(" ")],
    ["with dashes between", Array.from(SECRET).join("-")],
    ["with newlines between", Array.from(SECRET).join("\n")],
    ["as pieces of a string", Array.from(SECRET).join('"+"')],
    ["with many newlines between", Array.from(SECRET).join("\n".repeat(9))],
    ["without its dashes", SECRET.replaceAll("-", "")],
    ["split once", `${SECRET.slice(0, 20)} ${SECRET.slice(20)}`],
  ])("removes a known value %s", (_name, form) => {
    const text = redact(`before ${form} after`, [SECRET]);

    expect(text).toMatch(/^before \[redacted\]\S{0,2} after$/);
  });

  it("removes every occurrence of every known value", () => {
    const text = redact("one-secret two-secret one-secret", ["one-secret", "two-secret"]);

    expect(text).toBe(`${REDACTED} ${REDACTED} ${REDACTED}`);
  });

  it("takes characters of patterns in a known value as they are", () => {
    const text = redact("a.*b(c)[d] and aXXb(c)[d]", ["a.*b(c)[d]"]);

    expect(text).toBe(`${REDACTED} and aXXb(c)[d]`);
  });

  it("leaves a known value that is shorter than eight characters", () => {
    const text = redact("abc is short", ["abc"]);

    expect(text).toBe("abc is short");
  });

  it("lets no base64 through, whatever stands before and after the value", () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    const secret = fc.string({ unit: "grapheme-ascii", minLength: 8, maxLength: 120 });
    fc.assert(
      fc.property(
        bytes,
        secret,
        bytes,
        fc.constantFrom<BufferEncoding>("base64", "base64url"),
        (before, value, after, encoding) => {
          const encoded = Buffer.concat([before, Buffer.from(value), after]).toString(encoding);

          const out = redact(encoded, [value]);

          expect(out).not.toBe(encoded);
          // What is left of it decodes to no more than the edges of the value.
          const left = out.split(REDACTED).map((piece) => Buffer.from(piece, "base64").toString("latin1"));
          expect(left.some((piece) => piece.includes(value.slice(1, -1)))).toBe(false);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("lets no value through that is written with separators", () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9]{8,60}$/);
    fc.assert(
      fc.property(secret, fc.constantFrom(" ", "-", "\n", ", ", " | ", "\\"), (value, separator) => {
        const out = redact(`x ${Array.from(value).join(separator)} y`, [value]);

        expect(out).toBe(`x ${REDACTED} y`);
      }),
    );
  });

  it("changes nothing without known values and shapes", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from("abc 123\n.,;")) }), (text) => {
        expect(redact(text)).toBe(text);
      }),
    );
  });

  it("removes two known values that overlap", () => {
    const text = redact("x a b c d e f g h i j k l y", ["abcdefgh", "efghijkl"]);

    expect(text).toBe(`x ${REDACTED} y`);
  });

  it.each([
    "-eyJ",
    "eyJ",
    "-eyJaaaaaaaaaaaa.",
    "eyJaaaaaaaaaaaa.",
    "-eyJaaaaaaaaaaaa.a.",
    "_eyJ-",
    "sk-ant-",
    "sk-ant-a",
    "sk-ant-a1",
    "-sk-ant-",
    "sk-proj-",
    "-sk-or-v1-",
    "sk-",
    "sk-a",
    "ghp_",
    "-ghp_",
    ".ghs_",
    "github_pat_",
    "AKIA",
    "AIza",
    "-AIza",
    "xoxb-",
    "-xoxb-",
    "npm_",
    "-npm_",
    "SG.",
    "-SG.aaaaaaaaaaaaaaaaaaaa",
    "xapp-",
    "glpat-",
    ".glpat-",
    "-hf_",
    "xai-",
    "-xai-a",
    "hvs.",
    "-hvs.-",
    "pypi-AgE",
    "ATATT3-",
    "-GOCSPX-",
    "ya29.",
    "/ABSK",
    "aws_secret_access_key=",
    "aws_secret_access_key ",
    "hooks.slack.com/services/T1/B1/",
    "-dckr_pat_",
    "+whsec_",
    "AccountKey=",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n-----END ",
    "PRIVATE KEY ",
  ])("takes eight times as long for eight times as many %j", (piece) => {
    const ratio = growth(redact, piece);

    expect(ratio).toBeLessThan(LINEAR);
  });

  it.each([
    ["--------a", "-"],
    ["        a", " "],
    ["a-a-a-a-a-b", "a-"],
    [`a${"-".repeat(60)}b`, "-a"],
    [`${"-".repeat(60)}a`, "-"],
    ["aaaaaaaaab", "a"],
    ["aaaaaaaaab", "a   "],
    [SECRET, SECRET.slice(0, -1)],
    [SECRET, Array.from(SECRET.slice(0, -1)).join(" - ")],
    [SECRET, Array.from(SECRET).join(" ")],
  ])("takes eight times as long to look for %j in eight times as many %j", (known, piece) => {
    const ratio = growth((text) => redact(text, [known]), piece);

    expect(ratio).toBeLessThan(LINEAR);
  });
});
