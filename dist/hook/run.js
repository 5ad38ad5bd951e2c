'use strict';
const { spawnSync } = require('node:child_process');

// Longer than the program takes for anything: stopping a busy daemon is given 70 seconds.
const patience = 120_000;

// run runs the program with our environment and streams. Nothing it does fails the job.
function run(program, args) {
  const ended = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'], timeout: patience, killSignal: 'SIGKILL' });
  if (ended.error) {
    warn(`${program} ${args.join(' ')}: ${ended.error.message}`);
  } else if (ended.status !== 0) {
    warn(`${program} ${args.join(' ')}: ${ended.signal || `exit status ${ended.status}`}`);
  }
}

function warn(text) {
  const escaped = text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
  process.stdout.write(`::warning::compile-cache: warning: ${escaped}\n`);
}

module.exports = { run, warn };
