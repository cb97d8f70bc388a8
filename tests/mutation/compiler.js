// The compiler of scripts/solc, kept warm: to start it costs as much as to compile a contract. Reads one standard JSON
// input a line and answers each with a line. Imports come from the working folder.
"use strict";
const fs = require("fs");
const readline = require("readline");
const solc = require(require.resolve("solc", { paths: [process.cwd()] }));

function read(name) {
  return fs.existsSync(name) ? { contents: fs.readFileSync(name, "utf8") } : { error: `not found: ${name}` };
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(solc.compile(line, { import: read }) + "\n");
});
