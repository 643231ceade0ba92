import path from 'node:path';

/** A BIDS file name, taken apart: `sub-01_ses-2_space-T1w_dseg.nii.gz`. */
export interface BidsName {
  readonly subject: string;
  readonly session: string;
  /** Key to value, subject and session left out. */
  readonly entities: ReadonlyMap<string, string>;
  readonly suffix: string;
  readonly ending: string;
}

/** Null for names that are not BIDS'. */
export function parseBidsName(file: string): BidsName | null {
  const match = /^(sub-[^_.]+(?:_[a-z]+-[^_.]+)*)_([A-Za-z0-9]+)(\..+)$/i.exec(path.basename(file));
  if (match === null) return null;
  const entities = new Map(
    match[1]!.split('_').map((part): [string, string] => {
      const at = part.indexOf('-');
      return [part.slice(0, at), part.slice(at + 1)];
    }),
  );
  const subject = entities.get('sub') ?? '';
  const session = entities.get('ses') ?? '';
  entities.delete('sub');
  entities.delete('ses');
  return { subject, session, entities, suffix: match[2]!, ending: match[3]! };
}
