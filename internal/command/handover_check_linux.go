package command

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"

	"sop-chat/internal/certs"
	"sop-chat/internal/history"
	"sop-chat/internal/server"
)

// checkHandover is what a candidate does, see startCandidate.
func checkHandover(ctx context.Context, o serveOptions, p Process) error {
	h, err := parseHanded(p.Handover)
	if err != nil {
		return err
	}
	if err := o.checkStart(); err != nil {
		return err
	}
	link := os.NewFile(candidateLink, "link")
	defer link.Close()
	fmt.Fprintln(link, configured)
	in := bufio.NewReader(link)
	if line, err := in.ReadString('\n'); err != nil || line != frozen+"\n" {
		return nil // it failed elsewhere
	}
	state := os.NewFile(uintptr(h.file), "state")
	defer state.Close()
	i, err := readInheritance(state)
	if err != nil {
		return err
	}
	if err := o.checkFixed(i.Fixed); err != nil {
		return err
	}
	if err := server.CheckState(i.state); err != nil {
		return err
	}
	fmt.Fprintln(link, ready)
	return nil
}

// checkStart returns an error for what else would end the server when it starts.
func (o *serveOptions) checkStart() error {
	if o.stage < 4 {
		return fmt.Errorf("--stage %d can't take the place of a server", o.stage)
	}
	if err := o.checkDescriptors(); err != nil {
		return err
	}
	if _, err := o.tls.loadClientCA(); err != nil {
		return err
	}
	if o.certs.cert != "" {
		if _, err := certs.Files(o.certs.cert, o.certs.key, slog.New(slog.DiscardHandler)); err != nil {
			return fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
	}
	if _, err := readRoots(o.certs.caRoot); err != nil {
		return err
	}
	if o.history != "" {
		return history.CanContinue(o.history)
	}
	return nil
}
