import { findLeaks } from "./leaks.ts";
import { SECRETS, type Leak, type Place, type Secret } from "./corpus.ts";

/** What one attack left in each place. */
export type Seen = {
  readonly places: Readonly<Record<Place, string>>;
  readonly secrets: Readonly<Record<Secret, string>>;
  /** A word of this attack alone; whatever holds it was sent by it. */
  readonly canary: string;
  /** Why the script can't be said to have run; undefined where it did. */
  readonly unproven: string | undefined;
};

/** Where nothing of an attack may ever arrive, whatever it is. */
const SILENT: readonly Place[] = ["tcp", "udp", "socket", "github-api", "app-api"];

/** What the attack itself names as its leak, and what would be one in any attack. Pure. @returns each, in words. */
export function leaksOf(seen: Seen, own: readonly Leak[]): string[] {
  return [...ownLeaks(seen, own), ...anyLeaks(seen)];
}

/** Pure. */
export function ownLeaks({ places, secrets }: Seen, own: readonly Leak[]): string[] {
  return own.flatMap((leak) => {
    const text = places[leak.in];
    if ("secret" in leak) return findLeaks({ [leak.in]: text }, { [leak.secret]: secrets[leak.secret] });
    if ("text" in leak) return text.includes(leak.text) ? [`${leak.in}: ${leak.text}`] : [];
    return new RegExp(leak.pattern, "im").test(text) ? [`${leak.in}: /${leak.pattern}/`] : [];
  });
}

function anyLeaks({ places, secrets, canary }: Seen): string[] {
  const arrived = SILENT.filter((place) => places[place] !== "").map((place) => `${place}: something arrived`);
  const left = places.outside.includes(canary) ? ["outside: written to"] : [];
  const known = Object.fromEntries(SECRETS.map((name) => [name, secrets[name]] as const).filter(([, value]) => value !== ""));
  return [...arrived, ...left, ...findLeaks(places, known)];
}
