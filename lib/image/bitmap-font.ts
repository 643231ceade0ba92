/*
 * A 5 x 7 dot-matrix alphabet for captions: pictures look the same on every machine, with or without fonts.
 * One group per printable ASCII character from space on; seven digits, rows from the top; each digit in base 32
 * holds five dots, the leftmost in the highest bit.
 */
const GLYPHS = (
  '0000000 4444004 aaa0000 aavavaa 4fke5u4 op248j3 cik8lid 4480000 2488842 8422248 04lel40 044v440 ' +
  '0000c48 000v000 00000cc 11248gg ehjlphe 4c4444e eh1248v v2421he 26aiv22 vgu11he 68guhhe v124888 ' +
  'ehhehhe ehhf12c 0cc0cc0 0cc0c48 248g842 00v0v00 8421248 eh12404 eh1dlle ehhvhhh uhhuhhu ehggghe ' +
  'uhhhhhu vgguggv vgguggg ehgnhhf hhhvhhh e44444e 72222ic hikokih ggggggv hrllhhh hhpljhh ehhhhhe ' +
  'uhhuggg ehhhlid uhhukih fgge11u v444444 hhhhhhe hhhhha4 hhhllla hha4ahh hha4444 v1248gv e88888e ' +
  'gg84211 e22222e 4ah0000 000000v 8420000 00e1fhf ggmphhu 00egghe 11djhhf 00ehvge 698s888 00fhf1e ' +
  'ggmphhh 40c444e 20622ic ggikoki c44444e 00qllhh 00mphhh 00ehhhe 00uhugg 00djf11 00mpggg 00ege1u ' +
  '88s8896 00hhhjd 00hhha4 00hhlla 00ha4ah 00hhf1e 00v248v 2448442 4444444 8442448 008l200'
).split(' ');

export const GLYPH_WIDTH = 5;
export const GLYPH_HEIGHT = 7;

/** The seven rows of a character's dots. Accents are left off; what is not ASCII shows as a question mark. */
export function glyphRows(character: string): readonly number[] {
  const code = character.normalize('NFD').charCodeAt(0) - 32;
  const glyph = GLYPHS[code] ?? GLYPHS[31]!;
  return Array.from(glyph, (digit) => Number.parseInt(digit, 32));
}
