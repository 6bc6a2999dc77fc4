package sputniktest

import (
	"context"

	"github.com/sputnik-go/sputnik"
)

// Plain returns the plug-in without the optional interfaces: breaks show by heartbeats, and Connect can't be
// interrupted.
func (s *Server) Plain() sputnik.ServerConnector { return plain{s} }

// Contextual returns the plug-in with [sputnik.ContextConnector] only.
func (s *Server) Contextual() sputnik.ServerConnector { return contextual{plain{s}} }

// Pushing returns the plug-in with [sputnik.PushConnector] only.
func (s *Server) Pushing() sputnik.ServerConnector { return pushing{plain{s}} }

type plain struct{ server *Server }

func (p plain) Connect(cf sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	return p.server.Connect(cf)
}
func (p plain) IsConnected() bool { return p.server.IsConnected() }
func (p plain) Disconnect()       { p.server.Disconnect() }

type contextual struct{ plain }

func (c contextual) ConnectContext(ctx context.Context, cf sputnik.ConfFactory) (sputnik.ServerConnection, error) {
	return c.server.ConnectContext(ctx, cf)
}

type pushing struct{ plain }

func (p pushing) Broken() <-chan error { return p.server.Broken() }
