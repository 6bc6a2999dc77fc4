package sputniktest_test

var mutants = []mutant{
	// Initialisation and order.
	{
		"the next Init runs although one has failed", "initiator.go",
		"return err == nil\n\t}\n\thung, ran", "return err == nil || i < n\n\t}\n\thung, ran",
	},
	{
		"forget a rollback", "landing.go",
		"if w != nil && u.state() != StateInitialised {", "if w != nil && (u.state() != StateInitialised || u.position == 3) {",
	},
	{
		"Finish of the block whose Init failed", "landing.go",
		"if w != nil && u.state() != StateInitialised {", "if w != nil && u.state() == StateCreated {",
	},
	{
		"finish in list order", "landing.go",
		"for _, u := range slices.Backward(in.blocks()) {\n\t\tin.finish(u, w, nil)", "for _, u := range in.blocks() {\n\t\tin.finish(u, w, nil)",
	},
	{
		"Finish before the mailbox is empty", "landing.go",
		"if !in.finishes.Wait(drained, began.Add(share/4*3)) {", "if share < 0 {",
	},
	{
		"Run is not awaited", "life.go",
		"if w == nil {\n\t\tcallbacks = append(callbacks, worker.Callback{Name: \"Run\"", "if false {\n\t\tcallbacks = append(callbacks, worker.Callback{Name: \"Run\"",
	},
	{
		"the mailbox opens before the launch", "initiator.go",
		"in.enter(StatePrepared)", "for _, u := range in.units {\n\t\tu.box.Open()\n\t}\n\tin.enter(StatePrepared)",
	},
	// Stop.
	{
		"the last cause wins", "initiator.go",
		"if in.book.Cause != nil {\n\t\treturn\n\t}", "if in.book.Cause != nil {\n\t\tin.book.Cause = cause\n\t\treturn\n\t}",
	},
	{
		"skip the second signal", "finisher.go",
		"f.in.cut(ErrForced)", "_ = f",
	},
	{
		"a second signal is not called forced", "finisher.go",
		"f.in.cut(ErrForced)", "f.in.hurry()",
	},
	{
		"a second signal right after the first counts", "internal/signals/signals.go",
		"time.Since(came) >= sameDelivery", "time.Since(came) >= sameDelivery/2",
	},
	{
		"a block may take more than its share", "internal/allowance/allowance.go",
		"share = left / 2", "share = a.total",
	},
	{
		"an abandoned block is not in the error", "landing.go",
		"u.fault(u.abandon(stuck, took))", "u.abandon(stuck, took)",
	},
	{
		"the failure of Finish is not recorded", "life.go",
		"l.fail(\"Finish\", err)", "_ = err",
	},
	{
		"readiness outlives the stop", "initiator.go",
		"s.Ready = s.Cause == nil && s.State", "s.Ready = s.State",
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
		"a message that panicked comes again", "life.go",
		"onMsg(m)\n", "func() {\n\t\t\t\t\tback := true\n\t\t\t\t\tdefer func() {\n\t\t\t\t\t\tif !back {\n\t\t\t\t\t\t\tonMsg(m)\n\t\t\t\t\t\t}\n\t\t\t\t\t}()\n\t\t\t\t\tback = false\n\t\t\t\t\tonMsg(m)\n\t\t\t\t\tback = true\n\t\t\t\t}()\n",
	},
	{
		"messages left behind are not reported", "landing.go",
		"u.fault(&UnhandledError{u.desc, left})", "_ = left",
	},
	{
		"a sender that waits is told no, and its message handled", "internal/mailbox/mailbox.go",
		"b.push(w.msg)\n\tw.decide(true)", "b.push(w.msg)\n\tw.decide(len(b.waiters) == 0)",
	},
	{
		"a sender that waits is not counted at the finish", "internal/mailbox/mailbox.go",
		"for _, w := range b.waiters {\n\t\tb.rejected++\n", "for _, w := range b.waiters {\n",
	},
	{
		"a full mailbox takes one more for good", "internal/mailbox/mailbox.go",
		"if full = b.overflow == Wait; !full {\n\t\t\tb.rejected++\n\t\t}\n\t\tb.mu.Unlock()\n\t\treturn false, full", "full = b.overflow == Wait\n\t\tb.mu.Unlock()\n\t\treturn !full, full",
	},
	// Connection.
	{
		"notify after finish", "internal/link/link.go",
		"l.closed = true\n", "",
	},
	{
		"reuse a connection epoch", "internal/link/link.go",
		"l.want, l.conn = number, conn", "if l.want = number; l.conn == nil {\n\t\tl.conn = conn\n\t}",
	},
	{
		"no disconnect between two connections", "internal/link/link.go",
		"if l.told != 0 {", "if l.told != 0 && l.want == 0 {",
	},
	{
		"serial callbacks overlap", "life.go",
		"if l.block.serial {", "if l.block == nil {",
	},
	{
		"news in the wrong order", "internal/link/round.go",
		"if number == 0 {", "if number > 0 {",
	},
	{
		"a broken connection is not disconnected", "internal/uplink/uplink.go",
		"if err := d.disconnect(ctx); err != nil {", "if err := error(nil); err != nil {",
	},
	{
		"two calls of the plug-in at a time", "internal/uplink/uplink.go",
		"if d.pending != nil && d.hung == nil {", "if d.pending = nil; d.pending != nil && d.hung == nil {",
	},
	{
		"the connector finishes first", "landing.go",
		"for _, u := range slices.Backward(in.blocks()) {\n\t\tin.finish(u, w, nil)", "if in.connector != nil {\n\t\tin.connector.unit.life.Load().End(cause)\n\t}\n\tfor _, u := range slices.Backward(in.blocks()) {\n\t\tin.finish(u, w, nil)",
	},
	// Requests and broadcasts.
	{
		"a request is not failed when its peer ends", "landing.go",
		"u.peer.Fail(0, ErrBlockEnded)", "_ = ErrBlockEnded",
	},
	{
		"a request is not failed when the instance that has it ends", "restart.go",
		"u.peer.Fail(int(l.number), ErrBlockEnded)", "_ = ErrBlockEnded",
	},
	{
		"a request can be answered twice", "internal/wait/wait.go",
		"if w.state.CompareAndSwap(asking, replied) {", "if w.state.CompareAndSwap(asking, replied) || w.state.Load() == replied && len(w.post.bell) == 0 {",
	},
	{
		"a request whose OnMsg panics is not failed", "life.go",
		"request.Failed(peer, &BlockError{l.unit.desc, \"OnMsg\", err})", "_ = request",
	},
	{
		"all receivers of a broadcast share one map", "request.go",
		"own := maps.Clone(msg)", "own := msg\n\t\t_ = maps.Clone(msg)",
	},
	{
		"a circle that is none", "internal/wait/circle.go",
		"if k.where.Load() == serving {", "if k.where.Load() != unknown {",
	},
	// Blocks at run time.
	{
		"an added block is not told of the connection", "life.go",
		"l.link.Open(in.number, in.conn)", "l.link.Open(0, nil)",
	},
	{
		"an added block finishes last", "change.go",
		"in.units = append(in.units, u)", "in.units = slices.Insert(slices.Clone(in.units), len(in.units)-1, u)",
	},
	{
		"a removed block's mailbox is not emptied", "landing.go",
		"if !in.finishes.Wait(drained, began.Add(share/4*3)) {", "if _, removed := why.(*RemoveRequestError); removed || !worker.Wait(drained, began.Add(share/4*3), in.hurried) {",
	},
	{
		"a removed block stays in the list", "change.go",
		"return other == u })", "return other == nil })",
	},
	{
		"a block that could not be added gets no Finish", "change.go",
		"in.finish(u, &w, failed)", "_ = failed",
	},
	// Restarts.
	{
		"a restart loses the queued messages", "internal/mailbox/mailbox.go",
		"b.opened, b.paused = false, make(chan struct{})", "b.opened, b.paused, b.chain = false, make(chan struct{}), fifo.Queue[Msg]{}",
	},
	{
		"two instances at once", "restart.go",
		"stuck := l.end(w, cause, idle, began, share, &worker.Waiter{Cut: u.restarts.lost.Done()}, l.timeUp)", "go l.end(w, cause, idle, began, share, &worker.Waiter{Cut: u.restarts.lost.Done()}, l.timeUp)\n\tvar stuck []string",
	},
	{
		"a storm never ends", "internal/backoff/storm.go",
		"if len(s.failures) >= most {", "if len(s.failures) >= most+3 {",
	},
	{
		"a restart although the process stops", "restart.go",
		"u.ending.Closed() || worker.Closed(u.in.stopping)", "u.ending.Closed()",
	},
	{
		"a failure that stays uncured is not in the error", "restart.go",
		"for _, err := range slices.Compact(failures) {\n\t\tu.fault(err)\n\t}", "_ = slices.Compact(failures)",
	},
	// Watchdog.
	{
		"the watchdog sleeps", "internal/watch/watch.go",
		"took >= limit", "took >= 3*limit",
	},
}
