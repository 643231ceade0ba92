import t from 'tap';
import { subjectOf } from '../../lib/dataset/case.js';
import { splitSubjects } from '../../lib/dataset/split.js';
import { Random } from '../../lib/statistics/random.js';

const patients = Array.from({ length: 34 }, (_, at) => `patient${String(at * 3 + 1).padStart(3, '0')}`);

t.test('every third subject in sorted order is for testing: index 2, 5, 8, ...', async (t) => {
  const shuffled = new Random(7).shuffle(patients);
  const sides = splitSubjects([...shuffled, ...shuffled]);
  const test = patients.filter((name) => sides.get(name) === 'test');
  t.same(test.slice(0, 3), ['patient007', 'patient016', 'patient025']);
  t.equal(test.length, 11);
  const training = patients.filter((name) => sides.get(name) !== 'test');
  t.same(
    training.filter((name) => sides.get(name) === 'val'),
    training.filter((_, at) => at % 5 === 4),
    'every fifth of the training subjects is for validation',
  );
});

t.test('a random split depends on the seed only and covers everybody', async (t) => {
  const first = splitSubjects(patients, { rule: 'random', seed: 3 });
  const again = splitSubjects([...patients].reverse(), { rule: 'random', seed: 3 });
  t.same([...again].sort(), [...first].sort());
  t.notSame([...splitSubjects(patients, { rule: 'random', seed: 4 })].sort(), [...first].sort());
  t.equal(first.size, patients.length);
  t.equal([...first.values()].filter((side) => side === 'test').length, Math.round(34 / 3));
});

t.test('none keeps everybody for training', async (t) => {
  const sides = splitSubjects(patients, { rule: 'none', valEvery: 0 });
  t.same([...new Set(sides.values())], ['train']);
});

t.test('wrong rules are refused', async (t) => {
  t.throws(() => splitSubjects(patients, { rule: 'halves' as never }), { code: 'ERR_INVALID_ARG' });
  t.throws(() => splitSubjects(patients, { valEvery: 1 }), { code: 'ERR_INVALID_ARG' });
  t.throws(() => splitSubjects(patients, { testShare: 2 }), { code: 'ERR_INVALID_ARG' });
});

t.test('the subject is the case without its frame or visit', async (t) => {
  t.equal(subjectOf('patient001_frame12'), 'patient001');
  t.equal(subjectOf('s0012_visit2_slice003'), 's0012');
  t.equal(subjectOf('la_06SR5RBREL16DQ6M8LWS'), 'la_06SR5RBREL16DQ6M8LWS');
  t.equal(subjectOf('brats_2013_pat0004_1', /(pat\d+)/), 'pat0004');
  t.equal(subjectOf('other', /(pat\d+)/), 'other');
});
