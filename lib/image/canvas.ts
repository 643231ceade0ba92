import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphRows } from './bitmap-font.js';

export type Colour = readonly [red: number, green: number, blue: number];

/** An RGB picture that can be drawn on; coordinates are whole pixels, what falls outside is left out. */
export class Canvas {
  /** [height, width, 3] */
  readonly data: Uint8Array;

  constructor(
    readonly width: number,
    readonly height: number,
    background: Colour = [0, 0, 0],
  ) {
    this.data = new Uint8Array(width * height * 3);
    this.fillRect(0, 0, width, height, background);
  }

  /** Mixes a colour into a pixel; opacity 1 replaces it. */
  blend(x: number, y: number, colour: Colour, opacity = 1): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const at = (y * this.width + x) * 3;
    for (let c = 0; c < 3; c++) {
      const old = this.data[at + c]!;
      this.data[at + c] = Math.round(old + (colour[c]! - old) * opacity);
    }
  }

  fillRect(x0: number, y0: number, width: number, height: number, colour: Colour): void {
    for (let y = y0; y < y0 + height; y++) for (let x = x0; x < x0 + width; x++) this.blend(x, y, colour);
  }

  /** A frame of two colours in turns, so that it shows on any ground. */
  dashedRect(
    x0: number,
    y0: number,
    x1: number,
    y1: number,
    thickness: number,
    colours: readonly [Colour, Colour],
  ): void {
    const dash = 4 * thickness;
    const dot = (x: number, y: number, along: number): void =>
      this.blend(x, y, colours[Math.floor(along / dash) % 2 === 0 ? 0 : 1]);
    for (let t = 0; t < thickness; t++) {
      for (let x = x0; x <= x1; x++) {
        dot(x, y0 + t, x - x0);
        dot(x, y1 - t, x - x0);
      }
      for (let y = y0; y <= y1; y++) {
        dot(x0 + t, y, y - y0);
        dot(x1 - t, y, y - y0);
      }
    }
  }

  /** A filled disc with soft edges. */
  disc(cx: number, cy: number, radius: number, colour: Colour): void {
    for (let y = Math.floor(cy - radius - 1); y <= cy + radius + 1; y++) {
      for (let x = Math.floor(cx - radius - 1); x <= cx + radius + 1; x++) {
        const cover = radius + 0.5 - Math.hypot(x - cx, y - cy);
        if (cover > 0) this.blend(x, y, colour, Math.min(1, cover));
      }
    }
  }

  /** Dot-matrix text whose upper left corner is at (x0, y0); each dot is scale x scale pixels. */
  text(x0: number, y0: number, text: string, colour: Colour, scale: number): void {
    let left = x0;
    for (const character of text) {
      glyphRows(character).forEach((row, y) => {
        for (let x = 0; x < GLYPH_WIDTH; x++) {
          if ((row >> (GLYPH_WIDTH - 1 - x)) & 1)
            this.fillRect(left + x * scale, y0 + y * scale, scale, scale, colour);
        }
      });
      left += (GLYPH_WIDTH + 1) * scale;
    }
  }

  /** Copies another picture in, its upper left corner at (x0, y0). */
  draw(picture: Canvas, x0: number, y0: number): void {
    for (let y = 0; y < picture.height; y++) {
      for (let x = 0; x < picture.width; x++) {
        const at = (y * picture.width + x) * 3;
        const { data } = picture;
        this.blend(x0 + x, y0 + y, [data[at]!, data[at + 1]!, data[at + 2]!]);
      }
    }
  }
}

/** Pixels that a text takes in width. */
export function textWidth(text: string, scale: number): number {
  const count = Array.from(text).length;
  return Math.max(0, count * (GLYPH_WIDTH + 1) * scale - scale);
}

/** Pixels that a line of text takes in height. */
export function textHeight(scale: number): number {
  return GLYPH_HEIGHT * scale;
}

/** The text as far as it fits into a width, with dots for what is left out. */
export function fitText(text: string, width: number, scale: number): string {
  const characters = Array.from(text);
  if (textWidth(text, scale) <= width) return text;
  const room = Math.floor((width + scale) / ((GLYPH_WIDTH + 1) * scale)) - 2;
  return room <= 0 ? '' : `${characters.slice(0, room).join('')}..`;
}
