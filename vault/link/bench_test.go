package link

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// processorTime is how many seconds of a processor the process has used: on a
// machine that others use too, it says more than the clock.
func processorTime(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkLink links two sources of invented persons, of a size given by
// GALIEN_BENCH_PERSONS (10,000 when it is not), four in five of them in both,
// and reports pairs compared a second, the memory in use at the end, and how
// right the links are.
func BenchmarkLink(b *testing.B) {
	n := 10_000
	if text := os.Getenv("GALIEN_BENCH_PERSONS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for range b.N {
		b.StopTimer()
		l := New("a", "b", Options{})
		p := newPopulation(1, n*10/9)
		both := p.files(usual, 0.9, 0.9, true, l)
		p.people = nil
		b.StartTimer()
		began, busy := time.Now(), processorTime(b)
		r := run(b, l)
		seconds := time.Since(began).Seconds()
		busy = processorTime(b) - busy
		b.StopTimer()
		var memory runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&memory)
		j := judge(r, both)
		b.ReportMetric(float64(r.Report.Compared)/seconds, "pairs/s")
		b.ReportMetric(float64(r.Report.Compared)/busy, "pairs/processor-s")
		b.ReportMetric(float64(r.Report.Compared), "pairs")
		b.ReportMetric(float64(memory.Sys)/1e9, "GB-from-system")
		b.ReportMetric(j.precision, "precision")
		b.ReportMetric(j.recall, "recall")
		b.ReportMetric(0, "ns/op")
		runtime.KeepAlive(l)
		b.Logf("%d and %d records, %.1f s, estimated precision %.5f and recall %.4f, %d pairs skipped", l.A.Len(), l.B.Len(), seconds, r.Report.Precision, r.Report.Recall, r.Report.Skipped)
	}
}
