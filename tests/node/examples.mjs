// Ajv holds golden examples against their schemas: `node examples.mjs SCHEMAS EXAMPLES` prints the faults as JSON.
// Every example is also held against its schema without one of its required members, which must be refused.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const [schemas, examples] = process.argv.slice(2);
const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true });
ajv.addVocabulary(["x-personal"]); // what audit seals: says nothing of what is valid
addFormats(ajv);
const read = (...path) => JSON.parse(readFileSync(join(...path), "utf8"));

const faults = [];
let looked = 0;
for (const type of readdirSync(examples)) {
  const schema = read(schemas, `${type}.json`);
  const fits = ajv.compile(schema);
  for (const name of readdirSync(join(examples, type))) {
    const example = read(examples, type, name);
    looked += 1;
    if (!fits(example)) faults.push(`${type}/${name}: ${ajv.errorsText(fits.errors)}`);
    for (const member of schema.required ?? []) {
      const { [member]: _, ...rest } = example;
      if (fits(rest)) faults.push(`${type}/${name}: is accepted without ${member}`);
    }
  }
}
console.log(JSON.stringify({ faults, looked }));
