package sputnik

func confFor(cf ConfFactory, d BlockDescriptor) ConfFactory { return cf }
