// What an EventSource makes of a stream, until its server says 204: [type, data, lastEventId] of each event.
export function follow(Source, url, types) {
  return new Promise((done) => {
    const told = [];
    const source = new Source(url);
    const take = (event) => told.push([event.type, event.data, event.lastEventId]);
    for (const type of [...types, "message"]) source.addEventListener(type, take);
    source.addEventListener("error", () => {
      if (source.readyState === Source.CLOSED) done(told);
    });
  });
}

// The same of many streams, so many at a time, in the order of the addresses.
export async function followAll(one, urls, atOnce) {
  const told = new Array(urls.length);
  let next = 0;
  const work = async () => {
    while (next < urls.length) {
      const mine = next++;
      told[mine] = await one(urls[mine]);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return told;
}
