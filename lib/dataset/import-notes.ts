/** What an import has to say about cases; plain data, so that a resumed import goes on with it. */
export interface ImportNotesState {
  readonly warnings: readonly (readonly [text: string, cases: readonly string[]])[];
  readonly emptyCases: readonly string[];
  readonly names: readonly (readonly [value: number, name: string])[];
}

/** Collects warnings, cases without slices, and label names that files give. */
export class ImportNotes {
  private readonly warnings: Map<string, string[]>;
  readonly emptyCases: string[];
  private readonly names: Map<number, string>;

  constructor(state?: ImportNotesState) {
    this.warnings = new Map((state?.warnings ?? []).map(([text, cases]) => [text, [...cases]]));
    this.emptyCases = [...(state?.emptyCases ?? [])];
    this.names = new Map(state?.names ?? []);
  }

  add(
    caseId: string,
    found: {
      readonly warnings: readonly string[];
      readonly labelNames: ReadonlyMap<number, string>;
      readonly chosen: readonly unknown[];
    },
  ): void {
    for (const warning of found.warnings) {
      const cases = this.warnings.get(warning);
      if (cases === undefined) this.warnings.set(warning, [caseId]);
      else cases.push(caseId);
    }
    for (const [value, name] of found.labelNames) if (!this.names.has(value)) this.names.set(value, name);
    if (found.chosen.length === 0) this.emptyCases.push(caseId);
  }

  /** The dataset's own names, and those that files give to other values. */
  labels(own: ReadonlyMap<number, string>): Map<number, string> {
    const all = new Map([...this.names].filter(([value]) => value > 0));
    for (const [value, name] of own) all.set(value, name);
    return new Map([...all].sort(([a], [b]) => a - b));
  }

  /** One line per warning, naming its first case. */
  lines(): string[] {
    const lines = [...this.warnings].map(([text, ids]) =>
      ids.length === 1 ? `${ids[0]}: ${text}` : `${ids[0]} and ${ids.length - 1} more: ${text}`,
    );
    if (this.emptyCases.length > 0)
      lines.push(
        `${this.emptyCases.length} cases gave no slice, their labels are too small: ${this.emptyCases.slice(0, 5).join(', ')}`,
      );
    return lines;
  }

  state(): ImportNotesState {
    return {
      warnings: [...this.warnings].map(([text, cases]) => [text, [...cases]]),
      emptyCases: [...this.emptyCases],
      names: [...this.names],
    };
  }
}
