/** Where a command line is run: its words, its outputs, and the status it ends with. */
export interface Shell {
  /** The words after `gmiseg`. */
  readonly args: readonly string[];
  /** Standard output: results. */
  out(text: string): void;
  /** Standard error: warnings, errors, progress. */
  err(text: string): void;
  /** Whether people watch standard error, so that a progress bar makes sense. */
  readonly terminal: boolean;
  /** 0 done, 1 failed, 2 wrong command line. */
  status: 0 | 1 | 2;
}

/** The shell of this process. */
export function processShell(): Shell {
  return {
    args: process.argv.slice(2),
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    terminal: process.stderr.isTTY === true,
    status: 0,
  };
}
