# Drives a unit of a user's systemd, in namespaces of its own, and prints what systemd thinks of it.
# FOLDER holds the unit; SYSTEMD is the manager.
mount -t tmpfs none /run
mkdir -p /run/systemd/system /run/user/0 # the first says that systemd is there
chmod 700 /run/user/0
export XDG_RUNTIME_DIR=/run/user/0 XDG_CONFIG_HOME="$FOLDER"
unset DBUS_SESSION_BUS_ADDRESS NOTIFY_SOCKET

"$SYSTEMD" --user --unit=basic.target >"$FOLDER/manager" 2>&1 &
for _ in $(seq 100); do
	[ -S /run/user/0/systemd/private ] && break
	sleep 0.1
done

show() { # a word, and the properties to show
	printf '%s:' "$1"
	shift
	for p in "$@"; do printf ' %s' "$(systemctl --user show x.service -p "$p" --value)"; done
	echo
}

await() { # a property, and the beginning of the value to wait for
	for _ in $(seq 200); do
		case "$(systemctl --user show x.service -p "$1" --value)" in "$2"*) return ;; esac
		sleep 0.05
	done
	echo "$1 never became $2"
}

all="ActiveState SubState NRestarts StatusText"
systemctl --user start x.service
show started $all
systemctl --user reload --no-block x.service
await SubState reload
await StatusText reloading
show reloading $all
await SubState running
await StatusText running
show reloaded $all
sleep 3
show "fed for 3 s" $all
systemctl --user kill --kill-whom=main -s USR1 x.service
await StatusText watchdog
show stalled $all
await NRestarts 1
await SubState running
await StatusText running
show restarted $all
systemctl --user stop --no-block x.service
await StatusText stopping
show stopping $all
await SubState dead
show stopped ActiveState SubState NRestarts Result
