// The one file that tap runs: it starts every compiled test file as a process of its own. tap would do so itself, but
// with a loader that notes which modules a process loads, for coverage that nobody asks for; that costs each of them
// a second, more than most tests.
import t from 'tap';

/** @type {{ files: string[], jobs: number, seconds: number }} */
const { files, jobs, seconds } = JSON.parse(process.env.GMISEG_TESTS ?? '{}');

t.jobs = jobs;
for (const file of files) {
  const node = ['-u', 'NODE_OPTIONS', process.execPath, '--enable-source-maps', file];
  // Spinning OpenMP threads starve each other where several test files share the cores.
  const env = { ...process.env, OMP_WAIT_POLICY: 'passive' };
  t.spawn('env', node, {
    name: file.replace(/^\.tap\/bundle-\d+\//, ''),
    buffered: jobs > 1,
    timeout: 1000 * seconds,
    env,
  });
}
