// OpenAPI documents against the specification's own schema: `node openapi.mjs FILE…` prints the faults as JSON.
import { Validator } from "@seriousme/openapi-schema-validator";

const faults = [];
const versions = [];
for (const file of process.argv.slice(2)) {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(file);
  versions.push(validator.version);
  if (!valid) faults.push(`${file}: ${JSON.stringify(errors)}`);
  else validator.resolveRefs();
}
console.log(JSON.stringify({ faults, versions }));
