package main

import (
	"bytes"
	"image/png"
	"strings"
	"testing"

	"rsc.io/qr"
)

// A QR code is the same in all three forms: square by square, with the margin that readers need.
func TestQRCodeIsTheSameEverywhere(t *testing.T) {
	code, err := qr.Encode("https://t.me/example_bot?start=AAECAwQFBgcICQoLDA0ODw", qr.M)
	if err != nil {
		t.Fatal(err)
	}
	file, err := qrPNG(code, 1)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(qrBlocks(code)), "\n"), "\n")
	svg, side := string(qrSVG(code)), code.Size+2*margin
	if picture.Bounds().Dx() != side || len(lines) != (side+1)/2 {
		t.Fatalf("%d squares a side, the picture %d, %d lines", side, picture.Bounds().Dx(), len(lines))
	}
	dark := 0
	for y := range side {
		for x := range side {
			r, _, _, _ := picture.At(x, y).RGBA()
			black := r == 0
			if black {
				dark++
			}
			half := []rune(lines[y/2])[x]
			drawn := half == ' ' || half == '▄' && y%2 == 0 || half == '▀' && y%2 == 1
			if drawn != black {
				t.Fatalf("square %d, %d differs on the terminal", x, y)
			}
		}
	}
	if n := strings.Count(svg, "h1v1h-1z"); n != dark || dark == 0 {
		t.Errorf("%d dark squares in the SVG, %d in the picture", n, dark)
	}
}
