package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// witnessProcess builds the binary and runs it as a witness in another process; it
// returns its address and what stops it.
func witnessProcess(t *testing.T, binary string, args ...string) (address string, stop func()) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"audit", "witness", "serve", "--listen", "127.0.0.1:0"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	at := regexp.MustCompile(`http://\S+`).FindString(line)
	if err != nil || at == "" {
		t.Fatalf("the witness says %q, %v", line, err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Signal(os.Interrupt)
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	return at, stop
}

// TestWitnessOverHTTP has a log cosigned by a witness in a process of its own, before
// and after it grew, by one that forgot what the hub knows and one that is ahead of
// it, and after the log was rolled back and written anew.
func TestWitnessOverHTTP(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "galien")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	hub, dir := newTestHub(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	mustRun(t, "audit", "witness", "key", "example.org/dpo", "--out", file("w.key"))
	mustRun(t, "audit", "witness", "add", hub, file("w.key.pub"))
	witness := []string{"--key", file("w.key"), "--state", file("state")}
	if code, _, errs := galienRun(t, "", append([]string{"audit", "witness", "serve"}, witness...)...); code != 2 || !strings.Contains(errs, "the first time, --log") {
		t.Errorf("without the log's key: exit %d, %s", code, errs)
	}
	at, stop := witnessProcess(t, binary, append(witness, "--log", filepath.Join(hub, "audit", "key.pub"))...)
	ask := func() (int, string) {
		code, out, errs := galienRun(t, "", "audit", "witness", "ask", hub, "example.org/dpo", "--url", at)
		return code, out + errs
	}
	for range 2 {
		if code, out := ask(); code != 0 || !strings.Contains(out, "Witness example.org/dpo saw the first") {
			t.Fatalf("exit %d: %s", code, out)
		}
		mustRun(t, "permit", "grant", hub, examplePermit("aggregates"))
	}
	if out := mustRun(t, "audit", "verify", hub); !strings.Contains(out, "The quorum of 1 witnesses has seen the first") {
		t.Errorf("verify: %s", out)
	}
	// The hub forgets what was cosigned: the witness says from where to prove.
	if err := os.RemoveAll(filepath.Join(hub, "audit", "cosigned")); err != nil {
		t.Fatal(err)
	}
	if code, out := ask(); code != 0 {
		t.Errorf("after the hub forgot: exit %d: %s", code, out)
	}
	// What is no request, and what another log's key signed.
	other := newTestHub(t)
	mustRun(t, "audit", "checkpoint", other, "--out", file("other"))
	foreign, err := os.ReadFile(file("other"))
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]int{"old x\n\n": 400, string(foreign): 403} {
		answer, err := http.Post(at+addCheckpoint, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%q: status %d, want %d", body[:5], answer.StatusCode, want)
		}
	}
	// A copy of the hub from before grows on its own: the witness saw more than it
	// has, and then others than it has.
	old := filepath.Join(t.TempDir(), "old")
	if out, err := exec.Command("cp", "-a", hub, old).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	more := func(hub string, n int) {
		for range n {
			mustRun(t, "audit", "witness", "quorum", hub, "1")
		}
	}
	more(hub, 3)
	if code, out := ask(); code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	hub = old
	if code, out := ask(); code != 7 || !strings.Contains(out, "the log was rolled back") {
		t.Errorf("rolled back: exit %d: %s", code, out)
	}
	more(old, 3)
	if code, out := ask(); code != 7 || !strings.Contains(out, "the log was written anew") {
		t.Errorf("as many entries, and others: exit %d: %s", code, out)
	}
	more(old, 2)
	if code, out := ask(); code != 7 || !strings.Contains(out, "the log was written anew") {
		t.Errorf("more entries, and others: exit %d: %s", code, out)
	}
	stop()
	if code, out := ask(); code != 6 && code != 5 {
		t.Errorf("nobody there: exit %d: %s", code, out)
	}
	for _, bad := range []string{"dpo.example.org", "ftp://x", "https://a@b"} {
		if code, _, _ := galienRun(t, "", "audit", "witness", "ask", hub, "example.org/dpo", "--url", bad); code != 2 {
			t.Errorf("--url %s: exit %d", bad, code)
		}
	}
	if code, _, _ := galienRun(t, "", "audit", "witness", "ask", hub, "nobody", "--url", at); code != 3 {
		t.Errorf("no such witness: exit %d", code)
	}
}
