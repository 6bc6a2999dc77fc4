package sputniktest_test

var mutants = []mutant{
	// Initialisation and order.
	{
		"the next Init runs although one has failed", "initiator.go",
		`return failed(u, "Init", err)`, `_ = failed(u, "Init", err)`,
	},
	{
		"forget a rollback", "landing.go",
		"if w != nil && u.status().State != StateInitialised {", "if w != nil && (u.status().State != StateInitialised || u.position == 3) {",
	},
	{
		"Finish of the block whose Init failed", "landing.go",
		"if w != nil && u.status().State != StateInitialised {", "if w != nil && u.status().State == StateCreated {",
	},
	{
		"finish in list order", "landing.go",
		"for _, u := range slices.Backward(in.units) {\n\t\tin.finish(u, w)", "for _, u := range in.units {\n\t\tin.finish(u, w)",
	},
	{
		"Finish before the mailbox is empty", "landing.go",
		"if !await(drained, began.Add(share/4*3), in.hurried) {", "if share < 0 {",
	},
	{
		"Run is not awaited", "landing.go",
		"if w == nil {\n\t\tcallbacks = append(callbacks, callback{\"Run\", u.ran})", "if false {\n\t\tcallbacks = append(callbacks, callback{\"Run\", u.ran})",
	},
	{
		"the mailbox opens before the launch", "initiator.go",
		"in.enter(StatePrepared)", "for _, u := range in.units {\n\t\tu.box.Open()\n\t}\n\tin.enter(StatePrepared)",
	},
	// Stop.
	{
		"the last cause wins", "initiator.go",
		"if in.cause != nil {\n\t\treturn\n\t}", "if in.cause != nil {\n\t\tin.cause = cause\n\t\treturn\n\t}",
	},
	{
		"skip the second signal", "finisher.go",
		"f.in.hurry(true)", "_ = f",
	},
	{
		"a second signal is not called forced", "finisher.go",
		"f.in.hurry(true)", "f.in.hurry(false)",
	},
	{
		"a second signal right after the first counts", "finisher.go",
		"time.Since(last) >= sameDelivery", "time.Since(last) >= sameDelivery/2",
	},
	{
		"a block may take more than its share", "landing.go",
		"share := left / 2", "share := in.cfg.finishTimeout",
	},
	{
		"an abandoned block is not in the error", "landing.go",
		"u.fault(err)\n\tu.leave(err)", "u.leave(err)",
	},
	{
		"the failure of Finish is not recorded", "landing.go",
		"u.fail(\"Finish\", err)", "_ = err",
	},
	{
		"readiness outlives the stop", "initiator.go",
		"return h.cause == nil && h.state == StateRunning && h.connected", "return h.state == StateRunning && h.connected",
	},
	// Messages.
	{
		"drop one accepted message", "internal/mailbox/mailbox.go",
		"b.chain.Push(m)\n", "if b.accepted != 5 {\n\t\tb.chain.Push(m)\n\t}\n",
	},
	{
		"the newest message first", "internal/mailbox/mailbox.go",
		"b.batch, b.chain = b.chain, b.batch", "b.batch, b.chain = b.chain, b.batch\n\t\tif n := b.batch.Len(); n > 2 {\n\t\t\tb.batch.Push(b.batch.Pop())\n\t\t}",
	},
	{
		"a message that panicked comes again", "unit.go",
		"m, inMsg = nil, true", "inMsg = true",
	},
	{
		"messages left behind are not reported", "landing.go",
		"u.fault(&UnhandledError{u.desc, left})", "_ = left",
	},
	{
		"a sender that waits is told no, and its message handled", "internal/mailbox/mailbox.go",
		"b.push(w.msg)\n\tw.taken <- true", "b.push(w.msg)\n\tw.taken <- len(b.waiters) == 0",
	},
	{
		"a sender that waits is not counted at the finish", "internal/mailbox/mailbox.go",
		"b.rejected++\n\t\tw.taken <- false", "w.taken <- false",
	},
	{
		"a full mailbox takes one more for good", "internal/mailbox/mailbox.go",
		"b.rejected++\n\t\tb.mu.Unlock()\n\t\treturn false\n\tcase b.overflow == DropOldest:", "b.mu.Unlock()\n\t\treturn true\n\tcase b.overflow == DropOldest:",
	},
	// Connection.
	{
		"notify after finish", "link.go",
		"l.closed = true\n", "",
	},
	{
		"reuse a connection epoch", "link.go",
		"l.want, l.conn = want, conn", "if l.want = want; l.conn == nil {\n\t\tl.conn = conn\n\t}",
	},
	{
		"no disconnect between two connections", "link.go",
		"if l.told != 0 {", "if l.told != 0 && l.want == 0 {",
	},
	{
		"serial callbacks overlap", "link.go",
		"if l.unit.block.serial {", "if l.closed {",
	},
	{
		"news in the wrong order", "connector.go",
		"if number == 0 {\n\t\t\tu = units", "if number > 0 {\n\t\t\tu = units",
	},
	{
		"a broken connection is not disconnected", "connector.go",
		"if err := c.disconnect(ctx); err != nil {", "if err := error(nil); err != nil {",
	},
	{
		"two calls of the plug-in at a time", "connector.go",
		"if c.pending != nil { // it may still succeed\n\t\t\terr = c.outlast(ctx)\n\t\t}\n\t\tif c.pending != nil {", "c.pending = nil\n\t\tif c.pending != nil {",
	},
	{
		"the connector finishes first", "landing.go",
		"for _, u := range slices.Backward(in.units) {\n\t\tin.finish(u, w)", "if in.connector != nil {\n\t\tin.connector.unit.cancel(cause)\n\t}\n\tfor _, u := range slices.Backward(in.units) {\n\t\tin.finish(u, w)",
	},
}
