// A stand-in for Azure Blob Storage, in memory, on a free port that it tells; ends when its input is closed.
const path = require("node:path");

const modules = path.join(__dirname, "..", ".venvs", "azurite", "node_modules");
process.argv.push("--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--silent");
process.argv.push("--disableTelemetry", "--skipApiVersionCheck");
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
require(path.join(modules, "azurite", "dist", "src", "blob", "main.js"));
