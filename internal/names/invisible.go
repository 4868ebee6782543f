package names

import (
	"unicode"

	"golang.org/x/text/unicode/rangetable"
)

// Invisible are the characters that show nothing, or nothing but room: blanks, and what
// Unicode calls default ignorable, which is all format characters, variation selectors
// and a table of others. The last table has what no property tells apart.
var Invisible = rangetable.Merge(
	unicode.Zs, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point, unseen,
)

var unseen = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // Braille pattern without dots
		{Lo: 0xfffc, Hi: 0xfffc, Stride: 1}, // stands for an object that is not there
	},
	R32: []unicode.Range32{
		{Lo: 0x1107f, Hi: 0x1107f, Stride: 1}, // Brahmi number joiner
		{Lo: 0x13441, Hi: 0x13442, Stride: 1}, // blank hieroglyphs
		{Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, // Khitan filler
		{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}, // notehead that is none
	},
}
