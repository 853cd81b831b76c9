// Retraced's published client, unchanged: {endpoint, token, project, tenant} on standard input, what it saw as JSON.
// It throws where the hash that it computes of what it sent is not the one it was answered.
import { readFileSync } from "node:fs";
import retraced from "@retracedhq/retraced";

const { endpoint, token, project, tenant, events } = JSON.parse(readFileSync(0, "utf8"));
const client = new retraced.Client({ endpoint, apiKey: token, projectId: project, component: "notetaker/api", version: "7" });
const one = await client.reportEvent({ ...events[0], created: new Date() });
const many = await client.reportEvents(events);
const mask = {
  id: true, action: true, description: true, crud: true, received: true, created: true, canonical_time: true,
  is_failure: true, is_anonymous: true, component: true, version: true, fields: true, external_id: true, metadata: true,
  source_ip: true, loc_subdiv1: true, loc_subdiv2: true, display: { markdown: true }, group: { id: true, name: true },
  actor: { id: true, name: true, href: true, fields: true },
  target: { id: true, name: true, href: true, type: true, fields: true },
};
const found = await client.query({ action: "node.*", received_start: new Date(Date.now() - 600000) }, mask, 2);
const pages = [found.currentResults];
while (pages.flat().length < found.totalCount) {
  await found.nextPage();
  pages.push(found.currentResults);
}
const viewer = await client.getViewerToken(tenant, "u-1", false);
const own = await new retraced.Client({ endpoint, apiKey: viewer, projectId: project }).query({ action: "node.*" }, mask, 50);
let refused = null;
try {
  await client.reportEvent({ ...events[0], group: { id: "somebody else" } });
} catch (error) {
  refused = error.message;
}
console.log(JSON.stringify({ one, many, pages, total: found.totalCount, own: own.currentResults, refused }));
