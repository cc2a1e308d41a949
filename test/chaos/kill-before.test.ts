import { vi } from "vitest";
import { describeKills } from "./kill.ts";

vi.setConfig({ testTimeout: 180_000 });
describeKills("before");
