import { z } from "zod";

/**
 * A harness's own record of its conversation, for another job of the same attempt to go on from. The app keeps it and hands it
 * on: what it holds is the sandbox's.
 */
export const Session = z.strictObject({
  harness: z.string().max(50),
  /** By the harness's own name for it. */
  id: z.string().regex(/^[A-Za-z0-9_-]{1,100}$/),
  /** Of its file, below the folder where that harness keeps them. */
  path: z
    .string()
    .regex(/^(?!.*\.\.)[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/)
    .max(500),
  /** Where the checkout was that it speaks of. */
  checkout: z
    .string()
    .regex(/^\/[\x21-\x7e]+$/)
    .max(1_000),
  /** Packed with gzip, as base64. */
  content: z.base64().max(2_100_000),
});
export type Session = z.infer<typeof Session>;
