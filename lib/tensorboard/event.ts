import { PbfWriter } from 'pbf';

/** Numbers by name. */
export type Scalars = Readonly<Record<string, number>>;

/** What one record says: the format's version, the start of a session, or numbers at a step. */
export type EventContent =
  | { readonly fileVersion: string }
  | { readonly sessionStart: true; readonly step: number }
  | { readonly scalars: Scalars; readonly step: number };

const SESSION_START = 1;

/**
 * An Event message as protobuf; its fields are those of tensorflow/core/util/event.proto: wall_time 1 (seconds), step 2,
 * file_version 3, summary 5, session_log 7.
 */
export function encodeEvent(content: EventContent, seconds: number): Uint8Array {
  const event = new PbfWriter();
  event.writeDoubleField(1, seconds);
  if ('step' in content) event.writeVarintField(2, content.step);
  if ('fileVersion' in content) event.writeStringField(3, content.fileVersion);
  else if ('scalars' in content) event.writeMessage(5, writeSummary, content.scalars);
  else event.writeMessage(7, (_, log) => log.writeVarintField(1, SESSION_START), null);
  return event.finish();
}

/** Summary: value 1, repeated, each with tag 1 and simple_value 2. Source: tensorflow/core/framework/summary.proto */
function writeSummary(scalars: Scalars, summary: PbfWriter): void {
  for (const [tag, value] of Object.entries(scalars)) {
    summary.writeMessage(
      1,
      (_, message) => {
        message.writeStringField(1, tag);
        message.writeFloatField(2, value);
      },
      null,
    );
  }
}
