// A customer's receiver verifies a delivery: {secret, headers, body} on standard input, what it says as JSON.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secret, headers, body } = JSON.parse(readFileSync(0, "utf8"));
let verified = null;
let refused = null;
try {
  verified = new Webhook(secret).verify(body, headers);
} catch (error) {
  refused = error.message;
}
console.log(JSON.stringify({ verified, refused }));
