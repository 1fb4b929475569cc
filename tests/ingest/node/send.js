// Sends calls with an official client for Node: node send.js CLIENT URL KEY STRICT < [[method, payload], …]
// It prints, as JSON, what went wrong for each call that the client gave up.
"use strict";

const path = require("node:path");
const modules = path.join(process.env.CLIENTS, "node_modules");
const [client, url, key, strict] = process.argv.slice(2);

async function customerio(calls) {
  const { PipelinesClient } = require(path.join(modules, "customerio-node"));
  const cdp = new PipelinesClient(key, { url, strictMode: strict === "strict" });
  const errors = [];
  for (const [method, payload] of calls) {
    try {
      await cdp[method](payload);
    } catch (error) {
      errors.push(`${error.statusCode} ${error.message}`);
    }
  }
  return errors;
}

async function analytics(calls) {
  const { Analytics } = require(path.join(modules, "@customerio/cdp-analytics-node"));
  const errors = [];
  const sending = new Analytics({ writeKey: key, host: url, maxEventsInBatch: 5, flushInterval: 100 });
  sending.on("error", (error) => errors.push(`${error.code} ${error.reason}`));
  for (const [method, payload] of calls) sending[method](payload);
  await sending.closeAndFlush({ timeout: 30000 });
  await new Promise((told) => setImmediate(told)); // the last error is told after that
  return errors;
}

async function main() {
  let text = "";
  for await (const piece of process.stdin) text += piece;
  const errors = await { customerio, analytics }[client](JSON.parse(text));
  process.stdout.write(JSON.stringify(errors));
}

main();
