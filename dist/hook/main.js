'use strict';
// Starts the cache. A composite action has no post step of its own; this action lends it one.
const fs = require('node:fs');
const { run, warn } = require('./run.js');

const program = process.env.INPUT_PROGRAM;
if (program) {
  try {
    // What main writes here, and nothing else, post.js finds as STATE_program.
    fs.appendFileSync(process.env.GITHUB_STATE, `program=${program}\n`);
  } catch (err) {
    warn(`there will be no report: ${err.message}`);
  }
  run(program, ['action', 'start']);
}
