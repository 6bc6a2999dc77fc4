package sputnik

import (
	"fmt"
	"maps"
	"sync"
)

// BlockFactory makes a new block each time it is called. It must not acquire anything: that is for Init.
type BlockFactory func() *Block

// BlockFactories maps a block's name to its factory.
type BlockFactories map[string]BlockFactory

var registry = struct { //nolint:gochecknoglobals // the one piece of package state: init functions fill it
	sync.Mutex
	factories BlockFactories
}{factories: BlockFactories{
	DefaultFinisherName:  finisherFactory,
	DefaultConnectorName: connectorFactory,
}}

// RegisterBlockFactory makes a factory known under name to every process that doesn't bring its own
// list ([WithBlockFactories]). It is meant for init functions: it panics on an empty name, a nil
// factory and a name that is taken. It is safe for concurrent use.
func RegisterBlockFactory(name string, factory BlockFactory) {
	switch {
	case name == "":
		panic("sputnik: RegisterBlockFactory: empty name")
	case factory == nil:
		panic(fmt.Sprintf("sputnik: RegisterBlockFactory: nil factory for block %q", name))
	}
	registry.Lock()
	defer registry.Unlock()
	if _, taken := registry.factories[name]; taken {
		panic(fmt.Sprintf("sputnik: RegisterBlockFactory: block %q is registered already", name))
	}
	registry.factories[name] = factory
}

// Factory returns the factory registered under name.
func Factory(name string) (BlockFactory, error) {
	registry.Lock()
	defer registry.Unlock()
	if f, ok := registry.factories[name]; ok {
		return f, nil
	}
	return nil, fmt.Errorf("no factory is registered for block %q: import its package, if only blank", name)
}

// DefaultFactories returns a copy of all registered factories, those of the default finisher and connector included.
func DefaultFactories() BlockFactories {
	registry.Lock()
	defer registry.Unlock()
	return maps.Clone(registry.factories)
}
