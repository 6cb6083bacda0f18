package duckdb

// SetPartBytes has an engine cut an extract into smaller parts.
func (e *Engine) SetPartBytes(n int64) { e.partBytes = n }
