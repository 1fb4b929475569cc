/**
 * Write NAME.br and NAME.gz beside each file of a built page that is worth it: compressed once, as small as can be,
 * instead of for each request.
 *
 *     node compress.mjs FOLDER
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const WORTH_IT = /\.(css|html|js|json|md|svg|txt|webmanifest)$/; // the rest is compressed already
const SMALLEST = 512; // bytes; below, one packet holds it anyhow

const [folder] = process.argv.slice(2);
if (!folder) {
  throw new Error("Which folder? node compress.mjs FOLDER");
}

for (const name of readdirSync(folder, { recursive: true })) {
  if (!WORTH_IT.test(name)) continue;
  const path = join(folder, name);
  const content = readFileSync(path);
  if (content.length < SMALLEST) continue;
  const options = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  writeFileSync(`${path}.br`, brotliCompressSync(content, { params: options }));
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
}
