// A device with the library `dpop`: {alg, jwk, token, other, url} on standard input; what each request was told, as JSON.
import { readFileSync } from "node:fs";
import * as DPoP from "dpop";

const { alg, jwk, token, other, url } = JSON.parse(readFileSync(0, "utf8"));
const NAMES = { ES256: { name: "ECDSA", namedCurve: "P-256" }, Ed25519: { name: "Ed25519" } };
const { d, ...open } = jwk;
const pair = {
  privateKey: await crypto.subtle.importKey("jwk", { ...open, d }, NAMES[alg], false, ["sign"]),
  publicKey: await crypto.subtle.importKey("jwk", open, NAMES[alg], true, ["verify"]),
};
let nonce;

const proof = (wrong = {}) =>
  DPoP.generateProof(
    wrong.pair ?? pair, wrong.htu ?? url, wrong.htm ?? "GET", "nonce" in wrong ? wrong.nonce : nonce,
    "token" in wrong ? wrong.token : token, wrong.more,
  );

async function ask(made, scheme = "DPoP") {
  const answer = await fetch(url, { headers: { Authorization: `${scheme} ${token}`, ...(made && { DPoP: made }) } });
  nonce = answer.headers.get("dpop-nonce") ?? nonce;
  const said = answer.headers.get("www-authenticate");
  const body = await answer.json();
  return { status: answer.status, error: said && (/error="([^"]*)"/.exec(said)?.[1] ?? ""), reason: body.reason ?? null };
}

const told = { thumbprint: await DPoP.calculateThumbprint(pair.publicKey), turns: [], refused: {} };
for (let turn = 0; turn < 4; turn += 1) told.turns.push((await ask(await proof())).status);
const used = await proof();
told.turns.push((await ask(used)).status);
const mistakes = {
  "the same proof again": () => used,
  "another method": () => proof({ htm: "POST" }),
  "another address": () => proof({ htu: `${url}/more` }),
  "no hash of the token": () => proof({ token: undefined }),
  "another token's hash": () => proof({ token: other }),
  "another key": async () => proof({ pair: await DPoP.generateKeyPair("ES256") }),
  "an algorithm that is not taken": async () => proof({ pair: await DPoP.generateKeyPair("RS256") }),
  "no nonce": () => proof({ nonce: undefined }),
  "a nonce of its own": () => proof({ nonce: "made-up" }),
  "no proof": () => undefined,
};
for (const [name, make] of Object.entries(mistakes)) told.refused[name] = await ask(await make());
told.refused["as Bearer"] = await ask(await proof(), "Bearer");
told.turns.push((await ask(await proof())).status);
console.log(JSON.stringify(told));
