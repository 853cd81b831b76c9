// Command tiles checks an exported log with other people's code: Tessera's fsck rebuilds the tree from the entry bundles
// and holds every tile and the signed checkpoint against it; transparency-dev's verifier checks the proofs in FOLDER/proofs.json.
// Usage: tiles FOLDER ORIGIN VERIFIER-KEY
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

// claim is an inclusion proof of Leaf at Index, or, without Leaf, a consistency proof from the tree of Index to that of Size.
type claim struct {
	Index, Size     uint64
	Leaf, Old, Root []byte
	Hashes          [][]byte
}

func leaves(bundle []byte) ([][]byte, error) {
	var entries api.EntryBundle
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(entries.Entries))
	for _, entry := range entries.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

func checkTiles(folder, origin, key string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	source := &client.FileFetcher{Root: folder}
	return fsck.New(origin, verifier, source, leaves, fsck.Opts{N: 2}).Check(context.Background())
}

func checkProofs(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	var claims []claim
	if err := json.Unmarshal(text, &claims); err != nil {
		return 0, err
	}
	for _, one := range claims {
		if one.Leaf != nil {
			err = proof.VerifyInclusion(rfc6962.DefaultHasher, one.Index, one.Size, one.Leaf, one.Hashes, one.Root)
		} else {
			err = proof.VerifyConsistency(rfc6962.DefaultHasher, one.Index, one.Size, one.Hashes, one.Old, one.Root)
		}
		if err != nil {
			return 0, fmt.Errorf("proof of %d in %d: %w", one.Index, one.Size, err)
		}
	}
	return len(claims), nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: tiles FOLDER ORIGIN VERIFIER-KEY")
		os.Exit(2)
	}
	err := checkTiles(os.Args[1], os.Args[2], os.Args[3])
	count := 0
	if err == nil {
		count, err = checkProofs(filepath.Join(os.Args[1], "proofs.json"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "NOT VERIFIED:", err)
		os.Exit(1)
	}
	fmt.Println("verified, proofs:", count)
}
