package check

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
)

// maxPixels is the largest picture.
const maxPixels = 50_000_000

// chunks are the parts of a PNG that are the picture itself.
var chunks = map[string]bool{"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true, "tRNS": true, "cHRM": true, "gAMA": true, "sBIT": true, "sRGB": true, "bKGD": true, "pHYs": true}

// png looks at a picture chunk by chunk: nothing but the picture, to the last
// byte.
func (c *run) png(f File) {
	b := f.Bytes[8:]
	for {
		if len(b) < 12 {
			c.found("file-read", f.Name, "")
			return
		}
		n := binary.BigEndian.Uint32(b)
		if n > uint32(len(b)-12) {
			c.found("file-read", f.Name, "")
			return
		}
		kind, body := string(b[4:8]), b[8:8+n]
		if crc32.ChecksumIEEE(b[4:8+n]) != binary.BigEndian.Uint32(b[8+n:]) {
			c.found("file-read", f.Name, "")
			return
		}
		switch {
		case chunks[kind]:
		case kind == "tEXt" && bytes.HasPrefix(body, []byte("Software\x00")) && len(body) < 100:
			// The name of the program that drew it.
		default:
			c.found("metadata", f.Name, "part of a picture that is not shown")
		}
		b = b[12+n:]
		if kind == "IEND" {
			break
		}
	}
	if len(b) > 0 {
		c.found("metadata", f.Name, "bytes after the end of the picture")
	}
	config, err := png.DecodeConfig(bytes.NewReader(f.Bytes))
	c.pixels(f, config, err)
}

// jpeg looks at a picture segment by segment.
func (c *run) jpeg(f File) {
	b := f.Bytes[2:]
	for {
		if len(b) < 4 || b[0] != 0xff {
			c.found("file-read", f.Name, "")
			return
		}
		marker, n := b[1], int(b[2])<<8|int(b[3])
		if n < 2 || len(b) < 2+n {
			c.found("file-read", f.Name, "")
			return
		}
		switch body := b[4 : 2+n]; {
		case marker == 0xe0 && len(body) == 14 && bytes.HasPrefix(body, []byte("JFIF\x00")): // without a thumbnail
		case marker == 0xee && len(body) == 12 && bytes.HasPrefix(body, []byte("Adobe")):
		case marker >= 0xc0 && marker <= 0xcf, marker == 0xdb, marker == 0xdd, marker == 0xda:
		default: // EXIF, XMP, comments, colour profiles
			c.found("metadata", f.Name, "part of a picture that is not shown")
		}
		b = b[2+n:]
		if marker == 0xda {
			break
		}
	}
	for i := range len(b) - 1 { // between the scans
		if b[i] == 0xff && (b[i+1] == 0xfe || b[i+1]&0xf0 == 0xe0) {
			c.found("metadata", f.Name, "part of a picture that is not shown")
			break
		}
	}
	if end := bytes.LastIndex(b, []byte{0xff, 0xd9}); end < 0 || end+2 != len(b) || bytes.Count(b, []byte{0xff, 0xd9}) > 1 {
		c.found("metadata", f.Name, "bytes after the end of the picture")
	}
	config, err := jpeg.DecodeConfig(bytes.NewReader(f.Bytes))
	c.pixels(f, config, err)
}

func (c *run) pixels(f File, config image.Config, err error) {
	switch {
	case err != nil:
		c.found("file-read", f.Name, "")
	case config.Width*config.Height > maxPixels:
		c.found("file-size", f.Name, "pixels")
	}
}
