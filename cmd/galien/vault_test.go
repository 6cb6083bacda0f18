package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestVaultCommands rotates the keys of a hub with data, loses the vault and
// brings it back: the same content changes nothing, the hub is sound, and every
// step is in the audit log.
func TestVaultCommands(t *testing.T) {
	hub := newTestHub(t)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "PERSON.csv"), []byte("person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id\n"+
		"101,8507,1950,0,0\n102,8532,1951,0,0\nx,8532,1951,0,0\n"))
	ok := func(want string, args ...string) {
		t.Helper()
		code, stdout, stderr := galienRun(t, "", args...)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("galien %s: exit %d\n%s%s, want %q", strings.Join(args, " "), code, stdout, stderr, want)
		}
	}
	fails := func(want int, says string, args ...string) {
		t.Helper()
		code, _, stderr := galienRun(t, "", args...)
		if code != want || !strings.Contains(stderr, says) {
			t.Errorf("galien %s: exit %d, want %d\n%s, want %q", strings.Join(args, " "), code, want, stderr, says)
		}
	}
	ok("2 persons", "ingest", hub, "omop", dir)
	ok("Keys of version 1; 2 persons, 0 identity values, 1 quarantined rows", "vault", "status", hub)
	copied := filepath.Join(t.TempDir(), "vault.copy")
	ok("copied", "vault", "backup", hub, copied)
	ok("Keys of version 2 hold: 4 rows taken over, 2 of persons", "vault", "rotate", hub)
	ok(`"key_version": 2`, "vault", "status", hub, "--json")
	ok("Nothing changed", "ingest", hub, "omop", dir)
	ok("OK", "fsck", hub)
	fails(5, "move it away", "vault", "restore", hub, copied)
	if err := os.Remove(filepath.Join(hub, vaultDir, "vault.db")); err != nil {
		t.Fatal(err)
	}
	fails(3, "missing", "vault", "status", hub)
	ok("restored", "vault", "restore", hub, copied)
	ok("Nothing changed", "ingest", hub, "omop", dir)
	ok("OK", "fsck", hub)
	// Without its key file the vault is closed, and questions that need no
	// identity go on.
	key := filepath.Join(hub, "vault.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	fails(4, "sealed", "vault", "status", hub)
	fails(4, "sealed", "ingest", hub, "omop", dir)
	ok("2", "status", hub)
	_, log, _ := galienRun(t, "", "audit", "show", hub, "--json")
	for _, action := range []string{"vault status", "vault backup", "vault rotate", "vault restore"} {
		if !strings.Contains(log, `"`+action+`"`) {
			t.Errorf("the audit log has no %s", action)
		}
	}
}

// storeOf returns where a load of claims leaves what the next one reads.
func storeOf(t *testing.T, dir string) string {
	t.Helper()
	h, err := openHub(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	v, err := h.vault()
	if err != nil {
		t.Fatal(err)
	}
	store, err := v.Store("snds")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestOldVault restores a copy of the vault that is older than the lake: no load
// gives the key of a person of the lake to someone else.
func TestOldVault(t *testing.T) {
	hub := newTestHub(t)
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "vault.copy")
	people := "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id\n101,8507,1950,0,0\n"
	load := func(more string) (int, string) {
		writeFile(t, filepath.Join(dir, "PERSON.csv"), []byte(people+more))
		code, _, stderr := galienRun(t, "", "ingest", hub, "omop", dir)
		return code, stderr
	}
	load("")
	mustRun(t, "vault", "backup", hub, copied)
	if code, stderr := load("102,8532,1951,0,0\n"); code != 0 {
		t.Fatal(stderr)
	}
	if err := os.Remove(filepath.Join(hub, vaultDir, "vault.db")); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := galienRun(t, "", "vault", "restore", hub, copied); code != 7 || !strings.Contains(stderr, "an older copy") {
		t.Errorf("the older copy is put in its place: exit %d, %s", code, stderr)
	}
	if code, stderr := load("103,8532,1960,0,0\n"); code != 7 || !strings.Contains(stderr, "the vault is older than the lake") {
		t.Errorf("a load over an older vault: exit %d, %s", code, stderr)
	}
}

// shortFolder is a temporary folder whose path leaves room for a socket's name.
func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "g")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// TestServedVault divides the key of a hub's vault, opens it in a server with
// two of three shares, and loads through it: with the server gone, nothing
// opens the vault.
func TestServedVault(t *testing.T) {
	folder := shortFolder(t)
	hub := filepath.Join(folder, "hub")
	mustRun(t, "init", hub)
	dir := t.TempDir()
	people := "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id\n101,8507,1950,0,0\n"
	writeFile(t, filepath.Join(dir, "PERSON.csv"), []byte(people))
	mustRun(t, "ingest", hub, "omop", dir)
	alone := storeOf(t, hub)
	out := filepath.Join(t.TempDir(), "shares")
	mustRun(t, "vault", "split", hub, "--needed", "2", "--shares", "3", "--out", out)
	if _, err := os.Stat(filepath.Join(hub, "vault.key")); err == nil {
		t.Error("the key file is still there")
	}
	if s := mustRun(t, "vault", "upgrade", hub); strings.Contains(s, "one share") {
		t.Errorf("an upgrade after the split speaks of a key file that is not there: %s", s)
	}
	share := func(i int) string {
		b, err := os.ReadFile(filepath.Join(out, fmt.Sprintf("share-%d-of-3.txt", i)))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if code, _, stderr := galienRun(t, share(1), "vault", "unseal", hub); code != 5 || !strings.Contains(stderr, "vault serve") {
		t.Errorf("unseal without a server: exit %d, %s", code, stderr)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"vault", "serve", hub}, strings.NewReader(""), io.Discard, io.Discard)
	}()
	for {
		if conn, err := net.Dial("unix", filepath.Join(hub, vaultSocket)); err == nil {
			conn.Close()
			break
		}
		select {
		case code := <-ended:
			t.Fatalf("vault serve ended with %d", code)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if served := storeOf(t, hub); served != alone {
		t.Errorf("a served vault keeps claims in %s, and one opened alone in %s", served, alone)
	}
	writeFile(t, filepath.Join(dir, "PERSON.csv"), []byte(people+"102,8532,1951,0,0\n"))
	if code, _, stderr := galienRun(t, "", "ingest", hub, "omop", dir); code != 4 || !strings.Contains(stderr, "sealed") {
		t.Errorf("a load while it is sealed: exit %d, %s", code, stderr)
	}
	for _, c := range []struct {
		share int
		says  string
	}{{3, "1 more"}, {1, "is open"}} {
		if code, stdout, stderr := galienRun(t, share(c.share), "vault", "unseal", hub); code != 0 || !strings.Contains(stdout, c.says) {
			t.Errorf("share %d: exit %d, %s%s", c.share, code, stdout, stderr)
		}
	}
	if s := mustRun(t, "ingest", hub, "omop", dir); !strings.Contains(s, "2 persons") {
		t.Errorf("a load through the server: %s", s)
	}
	if s := mustRun(t, "vault", "rotate", hub); !strings.Contains(s, "version 2") {
		t.Errorf("a rotation through the server: %s", s)
	}
	if code, stdout, stderr := galienRun(t, "102\n", "vault", "forget", hub, "--source", "omop"); code != 0 || !strings.Contains(stdout, "1 persons forgotten") {
		t.Errorf("forgetting through the server: exit %d, %s%s", code, stdout, stderr)
	}
	if s := mustRun(t, "purge", hub); !strings.Contains(s, "1 persons purged") {
		t.Errorf("a purge through the server: %s", s)
	}
	mustRun(t, "fsck", hub)
	if code, _, _ := galienRun(t, "", "vault", "restore", hub, "x"); code != 5 {
		t.Errorf("restore under a server: exit %d, want 5", code)
	}
	log := mustRun(t, "audit", "show", hub, "--json", "--limit", "0")
	for _, action := range []string{"vault split", "vault unseal", "vault: unseal", "vault: keys", "vault: intake", "vault: rotate", "vault: forget", "vault: purged"} {
		if !strings.Contains(log, `"`+action+`"`) {
			t.Errorf("the audit log has no %q", action)
		}
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("vault serve: exit %d", code)
	}
	if code, _, stderr := galienRun(t, "", "vault", "status", hub); code != 4 {
		t.Errorf("without the server: exit %d, %s", code, stderr)
	}
}

// TestNoCoreDump breaks a vault's server off as a fault would, where the account
// allows core dumps of any size: there is none.
func TestNoCoreDump(t *testing.T) {
	aborted := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command("sh", append([]string{"-c", `ulimit -c unlimited && exec "$0" "$@"`, name}, args...)...)
		cmd.Dir = t.TempDir()
		return cmd
	}
	dumped := func(cmd *exec.Cmd) bool {
		_ = cmd.Wait()
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !ok || !status.Signaled() || status.Signal() != syscall.SIGABRT {
			t.Fatalf("the process ended with %v", cmd.ProcessState)
		}
		return status.CoreDump()
	}
	other := aborted("sh", "-c", "kill -ABRT $$")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if !dumped(other) {
		t.Skip("this machine makes no core dumps")
	}
	folder := shortFolder(t)
	hub := filepath.Join(folder, "hub")
	mustRun(t, "init", hub)
	galien := process(t, "vault", "serve", hub)
	server := aborted(galien.Path, galien.Args[1:]...)
	server.Env = append(galien.Env, "GOTRACEBACK=crash")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		if conn, err := net.Dial("unix", filepath.Join(hub, vaultSocket)); err == nil {
			conn.Close()
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := server.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	if dumped(server) {
		t.Error("a core dump was made")
	}
}

// TestServerLost ends each connection of a load to the vault's server in turn, at
// once or after its first answer: the load says what happened and what to do,
// whatever it was doing, and commits nothing.
func TestServerLost(t *testing.T) {
	folder := shortFolder(t)
	hub := filepath.Join(folder, "hub")
	mustRun(t, "init", hub)
	dir := t.TempDir()
	deliver := func(year int) {
		writeFile(t, filepath.Join(dir, "PERSON.csv"), fmt.Appendf(nil, "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id,person_source_value\n101,8507,%d,0,0,a\n102,8507,1951,0,0,b\nx,8507,1951,0,0,c\n", year))
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"vault", "serve", hub}, strings.NewReader(""), io.Discard, io.Discard)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	socket, real := filepath.Join(hub, vaultSocket), filepath.Join(hub, "real")
	for _, err := os.Stat(socket); err != nil; _, err = os.Stat(socket) {
		time.Sleep(time.Millisecond)
	}
	if err := os.Rename(socket, real); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type cut struct {
		connection int
		answered   bool // after the first answer, rather than at once
	}
	cuts, made := make(chan cut, 1), 0
	go func() {
		now := cut{}
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case now = <-cuts:
				made = 0
			default:
			}
			made++
			if made == now.connection && !now.answered {
				conn.Close()
				continue
			}
			server, err := net.Dial("unix", real)
			if err != nil {
				conn.Close()
				continue
			}
			last := made == now.connection
			go func() {
				io.Copy(server, conn)
				server.Close()
			}()
			go func() {
				defer conn.Close()
				if last {
					b := make([]byte, 1<<16)
					n, _ := server.Read(b)
					conn.Write(b[:n])
					return
				}
				io.Copy(conn, server)
			}()
		}
	}()
	failures := 0
	for _, answered := range []bool{false, true} {
		for k := 1; k <= 8; k++ {
			deliver(1900 + failures + 20*k)
			cuts <- cut{k, answered}
			code, _, stderr := galienRun(t, "", "ingest", hub, "omop", dir)
			if code == 0 {
				continue // that connection had done what it was for, or there was none
			}
			failures++
			if code != 6 || !strings.Contains(stderr, "ended in the middle") || !strings.Contains(stderr, "galien vault serve") {
				t.Errorf("connection %d ended (answered: %v): exit %d, %s", k, answered, code, stderr)
			}
		}
	}
	if failures < 4 {
		t.Errorf("only %d loads failed", failures)
	}
	cuts <- cut{}
	mustRun(t, "ingest", hub, "omop", dir)
	mustRun(t, "fsck", hub)
}
