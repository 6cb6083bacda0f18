package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestShares opens a vault with every three of five shares, and with nothing
// less.
func TestShares(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vault")
	v, shares, err := CreateSplit(dir, fixed(1), 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := v.Keys(context.Background(), "omop")
	if err != nil {
		t.Fatal(err)
	}
	keys.Assign("42")
	if err := keys.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	v.Close()
	for i, s := range shares {
		text := s.Text()
		if strings.Contains(fmt.Sprintf("%v %+v %s %q %#v %x", s, s, s, s, s, s), text[30:60]) {
			t.Error("a share was printed")
		}
		if shares[i], err = ParseShare("  " + strings.ToUpper(text) + "\n"); err != nil || shares[i].Index() != i+1 {
			t.Fatalf("share %d cannot be read back: %v", i, err)
		}
		for at := range text {
			wrong := []byte(text)
			if wrong[at]++; wrong[at] == '-' {
				continue
			}
			if _, err := ParseShare(string(wrong)); galien.KindOf(err) != galien.Invalid {
				t.Errorf("a share with another character %d: %v, want Invalid", at, err)
			}
		}
	}
	opened := 0
	for set := range 1 << 5 {
		var some []Share
		for i, s := range shares {
			if set>>i&1 == 1 {
				some = append(some, s)
			}
		}
		if len(some) == 2 {
			some = append(some, some[0]) // the same share twice is one
		}
		v, err := OpenWith(dir, some...)
		if err == nil {
			opened++
			ids, err := v.SourceIDs(context.Background())
			if err != nil || ids[1] != "42" {
				t.Errorf("opened, and its ids are not there: %v", err)
			}
			v.Close()
		} else if galien.KindOf(err) != galien.Denied {
			t.Errorf("shares %05b: %v, want Denied", set, err)
		}
	}
	if opened != 16 { // 10 sets of three, 5 of four, 1 of five
		t.Errorf("%d sets of shares open the vault, want 16", opened)
	}
	_, foreign, err := CreateSplit(filepath.Join(t.TempDir(), "vault"), fixed(1), 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenWith(dir, shares[0], shares[1], foreign[2]); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "share 3") {
		t.Errorf("a share of another vault: %v, want Denied and its number", err)
	}
	if _, err := Open(dir); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "sealed") {
		t.Errorf("Open without a key file: %v", err)
	}
	for _, n := range [][2]int{{0, 1}, {2, 1}, {1, 0}, {1, maxShares + 1}} {
		if _, _, err := CreateSplit(filepath.Join(t.TempDir(), "vault"), fixed(1), n[0], n[1]); galien.KindOf(err) != galien.Invalid {
			t.Errorf("%d of %d shares: %v, want Invalid", n[0], n[1], err)
		}
	}
}

// TestNewShares splits the key anew: the shares of before open nothing.
func TestNewShares(t *testing.T) {
	ctx := context.Background()
	v, dir := filled(t, 20)
	want := links(t, v)
	one, err := readKeyFile(KeyFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	lost := errors.New("the shares could not be written")
	if err := v.Split(ctx, 2, 3, func([]Share) error { return lost }); !errors.Is(err, lost) {
		t.Errorf("shares that were not kept: %v", err)
	}
	sameLinks(t, links(t, v), want)
	if again, err := OpenWith(dir, one); err != nil {
		t.Errorf("the share of before, after a split that failed: %v", err)
	} else {
		again.Close()
	}
	var shares []Share
	if err := v.Split(ctx, 2, 3, func(s []Share) error { shares = s; return nil }); err != nil {
		t.Fatal(err)
	}
	sameLinks(t, links(t, v), want)
	v.Close()
	if _, err := OpenWith(dir, one); galien.KindOf(err) != galien.Denied {
		t.Errorf("the share of before: %v, want Denied", err)
	}
	again, err := OpenWith(dir, shares[2], shares[0])
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	sameLinks(t, links(t, again), want)
}

func TestKeyFileIsForItsOwner(t *testing.T) {
	v, dir := newVault(t, 1)
	v.Close()
	if info, err := os.Stat(KeyFile(dir)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file is %v (%v), want 0600", info.Mode().Perm(), err)
	}
	if err := os.Chmod(KeyFile(dir), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); galien.KindOf(err) != galien.Denied {
		t.Errorf("a key file that others may read: %v, want Denied", err)
	}
}
