package duckdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// joined is a file in the making that files of its format are appended to: of text
// its bytes, of Parquet its row groups as they are, under one footer.
type joined struct {
	to     *os.File
	format Format
	size   int64
	footer *metadata.FileMetaData // of Parquet, once there is a row group
}

func newJoined(path string, format Format) (*joined, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return &joined{to: f, format: format}, err
}

// magic is the first and last four bytes of a Parquet file. Before the last come
// the footer and its length in four bytes.
const magic = "PAR1"

// add appends a file.
func (j *joined) add(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	if j.format == CSV {
		_, err := io.Copy(j.to, from)
		return err
	}
	size, err := from.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	r, err := file.NewParquetReader(from)
	if err != nil {
		return fmt.Errorf("join files: %w", err)
	}
	footer := r.MetaData()
	start, end := int64(0), size-int64(footer.Size()+4+len(magic))
	if j.footer != nil {
		start = int64(len(magic))
	}
	move(footer, j.size-start)
	n, err := io.Copy(j.to, io.NewSectionReader(from, start, end-start))
	if err != nil {
		return err
	}
	j.size += n
	if j.footer == nil {
		j.footer = footer
		return nil
	}
	return j.footer.AppendRowGroups(footer)
}

// move says that all that a footer describes lies so many bytes further on.
func move(footer *metadata.FileMetaData, by int64) {
	shift := func(offset *int64) {
		if offset != nil && *offset > 0 {
			*offset += by
		}
	}
	for _, g := range footer.RowGroups {
		shift(g.FileOffset)
		g.Ordinal = nil // optional, and of 16 bits
		for _, c := range g.Columns {
			shift(&c.FileOffset)
			shift(c.OffsetIndexOffset)
			shift(c.ColumnIndexOffset)
			shift(&c.MetaData.DataPageOffset)
			shift(c.MetaData.IndexPageOffset)
			shift(c.MetaData.DictionaryPageOffset)
			shift(c.MetaData.BloomFilterOffset)
		}
	}
}

// close ends the file.
func (j *joined) close() (err error) {
	defer func() { err = errors.Join(err, j.to.Close()) }()
	if j.footer == nil {
		return nil
	}
	n, err := j.footer.WriteTo(j.to, nil)
	if err != nil {
		return fmt.Errorf("join files: %w", err)
	}
	_, err = j.to.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(n)), magic...))
	return err
}
