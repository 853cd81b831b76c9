// What a client from npm makes of streams: its name as argument, {urls, types} on standard input, [[[type, data, id]]] out.
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { EventSource } from "eventsource";
import { createParser } from "eventsource-parser";
import { follow, followAll } from "../streams/follow.mjs";

const { urls, types } = JSON.parse(readFileSync(0, "utf8"));

// The parser has no connection of its own; this is the least that a program around it does.
async function parsed(url) {
  const told = [];
  let lastEventId = "";
  let retry = 3000;
  for (;;) {
    const headers = { accept: "text/event-stream" };
    if (lastEventId !== "") headers["last-event-id"] = lastEventId;
    const answer = await fetch(url, { headers });
    if (answer.status !== 200) return told;
    const parser = createParser({
      onEvent({ event, data, id }) {
        lastEventId = id ?? lastEventId;
        told.push([event ?? "message", data, lastEventId]);
      },
      onRetry(milliseconds) {
        retry = milliseconds;
      },
      onError(error) {
        throw error;
      },
    });
    const text = new TextDecoder();
    for await (const part of answer.body) parser.feed(text.decode(part, { stream: true }));
    await pause(retry);
  }
}

const clients = { eventsource: (url) => follow(EventSource, url, types), "eventsource-parser": parsed };
const alive = setInterval(() => {}, 60_000); // `eventsource` lets a program end while it waits to reconnect
console.log(JSON.stringify(await followAll(clients[process.argv[2]], urls, 8)));
clearInterval(alive);
