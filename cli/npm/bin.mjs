#!/usr/bin/env node
// Starts the command line. Everything that it says and does is in the wasm module; host.mjs gives it the machine.
const [major] = process.versions.node.split(".").map(Number);
if (major < 20) {
  console.error(`error: seedhook needs Node 20 or newer, and this is ${process.versions.node}: https://nodejs.org`);
  process.exit(1);
}
const { main } = await import("./host.mjs");
process.exitCode = await main(process.argv.slice(2));
