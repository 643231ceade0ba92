import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** One element: group, element, value. */
type Element = readonly [group: number, element: number, value: string | Buffer];

/** Elements in implicit-VR little-endian coding, by hand so that no library reads what it wrote itself. */
function encode(elements: readonly Element[]): Buffer {
  return Buffer.concat(
    elements.map(([group, element, value]) => {
      let bytes = Buffer.isBuffer(value) ? value : Buffer.from(value, 'latin1');
      if (bytes.length % 2 === 1) bytes = Buffer.concat([bytes, Buffer.from([value === '' ? 0 : 32])]);
      const head = Buffer.alloc(8);
      head.writeUInt16LE(group, 0);
      head.writeUInt16LE(element, 2);
      head.writeUInt32LE(bytes.length, 4);
      return Buffer.concat([head, bytes]);
    }),
  );
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value & 0xffff);
  return bytes;
}

/** UIDs end in a zero byte where their length is odd, not in a space. */
function uid(text: string): Buffer {
  return Buffer.from(text.length % 2 === 0 ? text : `${text}\0`, 'latin1');
}

/** The file meta group, explicit VR. */
function meta(sopClass: string, instance: string): Buffer {
  const element = (number: number, vr: string, value: Buffer): Buffer => {
    const head = Buffer.alloc(vr === 'OB' ? 12 : 8);
    head.writeUInt16LE(2, 0);
    head.writeUInt16LE(number, 2);
    head.write(vr, 4, 'latin1');
    if (vr === 'OB') head.writeUInt32LE(value.length, 8);
    else head.writeUInt16LE(value.length, 6);
    return Buffer.concat([head, value]);
  };
  const length = Buffer.alloc(4);
  const body = Buffer.concat([
    element(1, 'OB', Buffer.from([0, 1])),
    element(2, 'UI', uid(sopClass)),
    element(3, 'UI', uid(instance)),
    element(0x10, 'UI', uid('1.2.840.10008.1.2')),
    element(0x12, 'UI', uid('1.2.3.4')),
  ]);
  length.writeUInt32LE(body.length);
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), element(0, 'UL', length), body]);
}

export interface DicomSeriesOptions {
  readonly slices?: number;
  readonly columns?: number;
  readonly rows?: number;
  /** Millimetres from slice to slice. */
  readonly gap?: number;
  readonly series?: string;
  /** Leave out what anonymisers remove. */
  readonly anonymous?: boolean;
}

/** The Hounsfield value of a voxel of writeDicomSeries. */
export function dicomValue(i: number, j: number, k: number): number {
  return i + 10 * j + 100 * k - 500;
}

/**
 * An axial CT series: rows of 0.7 x 0.8 mm pixels from (-10, -20, 30). File names and instance numbers run
 * against the positions, as they do in many archives. Returns the files in the order of the positions.
 */
export async function writeDicomSeries(folder: string, options: DicomSeriesOptions = {}): Promise<string[]> {
  const { slices = 4, columns = 8, rows = 5, gap = 2.5, series = '1.2.826.1.2', anonymous = false } = options;
  await mkdir(folder, { recursive: true });
  const files: string[] = [];
  for (let k = 0; k < slices; k++) {
    const pixels = Buffer.alloc(2 * rows * columns);
    for (let j = 0; j < rows; j++)
      for (let i = 0; i < columns; i++)
        pixels.writeInt16LE(dicomValue(i, j, k) + 1024, 2 * (j * columns + i));
    const sopClass = '1.2.840.10008.5.1.4.1.1.2';
    const instance = anonymous ? '' : `${series}.${k + 1}`;
    const body = encode([
      [0x0008, 0x0016, uid(sopClass)],
      [0x0008, 0x0018, uid(instance)],
      [0x0008, 0x0020, '20200101'],
      [0x0008, 0x0030, '120000'],
      [0x0008, 0x0060, 'CT'],
      [0x0010, 0x0010, 'TEST^CASE'],
      [0x0010, 0x0020, 'P1'],
      [0x0010, 0x0030, ''],
      [0x0010, 0x0040, 'O'],
      [0x0020, 0x000d, uid(anonymous ? '' : '1.2.826.1.1')],
      [0x0020, 0x000e, uid(anonymous ? '' : series)],
      [0x0020, 0x0010, '1'],
      [0x0020, 0x0011, '3'],
      [0x0020, 0x0013, String(slices - k)],
      [0x0020, 0x0032, `-10\\-20\\${30 + gap * k}`],
      [0x0020, 0x0037, '1\\0\\0\\0\\1\\0'],
      [0x0020, 0x0052, uid('1.2.826.1.3')],
      [0x0028, 0x0002, word(1)],
      [0x0028, 0x0004, 'MONOCHROME2'],
      [0x0028, 0x0010, word(rows)],
      [0x0028, 0x0011, word(columns)],
      [0x0028, 0x0030, '0.8\\0.7'],
      [0x0028, 0x0100, word(16)],
      [0x0028, 0x0101, word(16)],
      [0x0028, 0x0102, word(15)],
      [0x0028, 0x0103, word(1)],
      [0x0028, 0x1052, '-1024'],
      [0x0028, 0x1053, '1'],
      [0x7fe0, 0x0010, pixels],
    ]);
    const file = path.join(folder, `IM${String(slices - k).padStart(4, '0')}`);
    await writeFile(file, Buffer.concat([meta(sopClass, instance || '1.2.3'), body]));
    files.push(file);
  }
  return files;
}
