import { Presets, SingleBar } from 'cli-progress';

/** Progress for people: a bar on stderr when that is a terminal, silence otherwise. */
export class Progress {
  private bar: SingleBar | null = null;
  private label: string | null = null;

  /** @param shown whether people watch */
  constructor(
    private readonly shown = process.stderr.isTTY === true,
    private readonly stream: NodeJS.WritableStream = process.stderr,
  ) {}

  /** Starts a bar of `total` parts; a bar that runs is replaced. */
  start(label: string, total: number): void {
    this.stop();
    this.label = label;
    if (!this.shown) return;
    this.bar = new SingleBar(
      {
        stream: this.stream,
        format: '{label} [{bar}] {percentage}% {text}',
        barsize: 24,
        hideCursor: true,
        clearOnComplete: false,
        etaBuffer: 20,
        linewrap: false,
      },
      Presets.legacy,
    );
    this.bar.start(Math.max(1, total), 0, { label, text: '' });
  }

  /** Sets how much is done and what to say beside the bar. */
  update(done: number, text = ''): void {
    this.bar?.update(done, { text });
  }

  /** As update, of a bar that starts with the first news of it, however much was done before. */
  advance(label: string, total: number, done: number, text = ''): void {
    if (this.label !== label) this.start(label, total);
    this.update(done, text);
  }

  /** Ends the bar where it is. */
  stop(): void {
    this.bar?.stop();
    this.bar = null;
    this.label = null;
  }

  /** A line for people, above the bar. */
  note(line: string): void {
    if (!this.shown) return;
    this.stream.write(`${line}\n`);
  }
}

/** `75` -> `1 min 15 s`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const parts: [number, string][] =
    whole < 3600
      ? [
          [Math.floor(whole / 60), 'min'],
          [whole % 60, 's'],
        ]
      : [
          [Math.floor(whole / 3600), 'h'],
          [Math.floor((whole % 3600) / 60), 'min'],
        ];
  return parts.flatMap(([count, unit]) => (count > 0 ? [`${count} ${unit}`] : [])).join(' ');
}
