package api

import (
	"context"
	"net"

	"galien"
)

// peer is the account at the other end of a connection, as the operating
// system states it.
type peer struct {
	uid int
	err error
}

type peerKey struct{}

// withPeer asks the operating system once for each connection.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	uid, err := PeerUID(c)
	return context.WithValue(ctx, peerKey{}, peer{uid, err})
}

// peerOf returns the user id of whoever asks. It fails with Denied when the
// operating system does not say.
func peerOf(ctx context.Context) (int, error) {
	p, ok := ctx.Value(peerKey{}).(peer)
	if !ok || p.err != nil {
		return 0, galien.Errorf(galien.Denied, "the operating system does not say which account asks; ask through the hub's socket")
	}
	return p.uid, nil
}
