import { registerHooks } from "node:module";
import { readFileSync } from "node:fs";

/**
 * Lets plain Node load `@actions/workflow-parser` 0.3.61, which imports its two schemas as JSON without the attribute
 * that Node asks for (ERR_IMPORT_ATTRIBUTE_MISSING in Node 20 and 24). Imported for its effect, before a dynamic import
 * of the package; a static import would be loaded first. Other modules are untouched.
 */
registerHooks({
  load(url, context, nextLoad) {
    if (!/\/@actions\/workflow-parser\/dist\/[^/]+\.json$/.test(url)) return nextLoad(url, context);
    return {
      format: "module",
      source: `export default ${readFileSync(new URL(url), "utf8")};`,
      shortCircuit: true,
    };
  },
});
