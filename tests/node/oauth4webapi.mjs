// A device with the library `oauth4webapi`, which keeps the nonce itself: {alg, jwk, token, api} on standard input.
import { readFileSync } from "node:fs";
import * as oauth from "oauth4webapi";

const { alg, jwk, token, api } = JSON.parse(readFileSync(0, "utf8"));
const NAMES = {
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  ES384: { name: "ECDSA", namedCurve: "P-384" },
  Ed25519: { name: "Ed25519" },
};
const { d, ...open } = jwk;
const handle = oauth.DPoP({ client_id: "desktop" }, {
  privateKey: await crypto.subtle.importKey("jwk", { ...open, d }, NAMES[alg], false, ["sign"]),
  publicKey: await crypto.subtle.importKey("jwk", open, NAMES[alg], true, ["verify"]),
});
const options = { DPoP: handle, [oauth.allowInsecureRequests]: true };
let challenged = 0;

async function ask(method, path, body, more = {}) {
  const headers = new Headers({ ...(body && { "Content-Type": "application/json" }), ...more });
  const once = () =>
    oauth.protectedResourceRequest(token, method, new URL(api + path), headers, body && JSON.stringify(body), options);
  try {
    return (await once()).status;
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    challenged += 1;
    return (await once()).status;
  }
}

const session = { app_version: "1.0.0", os: "Windows 11", property: "harbour" };
const turns = [
  await ask("GET", "/bootstrap"),
  await ask("POST", "/sessions", session, { "Idempotency-Key": "k-1" }),
  await ask("GET", "/bootstrap?"),
];
console.log(JSON.stringify({ thumbprint: await handle.calculateThumbprint(), turns, challenged }));
