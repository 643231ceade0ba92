// Prints the hash of the synthetic subjects that the first argument asks for.
import { createHash } from 'node:crypto';
import { synthesize } from '../../../dist/synthesize.js';

const { traits, subjects } = await synthesize(JSON.parse(process.argv[2] ?? '{}'));
const hash = createHash('sha256').update(JSON.stringify(traits));
for (const { image, mask } of subjects) hash.update(image).update(mask);
process.stdout.write(hash.digest('hex'));
