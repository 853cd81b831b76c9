// The official AsyncAPI parser reads the document: `node asyncapi.mjs FILE` prints what it found as JSON.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const WARNING = 1;
const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const faults = diagnostics.filter((found) => found.severity <= WARNING);
console.log(
  JSON.stringify({
    faults: faults.map((found) => `${found.path.join("/")}: ${found.message}`),
    types: document?.messages().all().map((message) => message.name()) ?? [],
    operations: document?.operations().all().length ?? 0,
  }),
);
