// Package systemd is the block "systemd": it tells the service manager how the process is, by the protocol of
// sd_notify(3). Import it blank to register the block, and list it first: blocks finish in reverse, so it then lives
// until every other block has finished, and tells of the whole finish.
//
//	READY=1                      when the process is ready for the first time
//	STATUS=...                   in words how it is, or why it isn't ready, whenever that changes
//	STOPPING=1                   when the finish begins
//	RELOADING=1                  instead, when it begins for a reload; READY=1 of the next flight ends the reload
//	WATCHDOG=1                   at half of the unit's WatchdogSec, while the engine and the blocks turn
//	EXTEND_TIMEOUT_USEC=...      during the finish, as long as it gets on
//
// Without NOTIFY_SOCKET in the environment, so anywhere but under systemd (or podman --sdnotify), the block does
// nothing. It reads no other block's data, needs no server, and its own troubles never stop the process.
package systemd
