import { vi } from "vitest";
import { describeFaults } from "./faults.ts";

vi.setConfig({ testTimeout: 180_000 });
describeFaults("answer lost at", "Postgres");
