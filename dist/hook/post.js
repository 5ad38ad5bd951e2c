'use strict';
// Reports what the cache did, and stops it. Runs after a failed build too.
const { run } = require('./run.js');

if (process.env.STATE_program) {
  run(process.env.STATE_program, ['action', 'report', '--stop']);
}
