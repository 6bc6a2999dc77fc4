package sputnik_test

import (
	"fmt"
	"testing/fstest"
	"time"

	"github.com/sputnik-go/sputnik"
)

func ExampleNewConfFactory() {
	cf, err := sputnik.NewConfFactory(sputnik.ConfSources{
		// Usually an embed.FS, a folder in Path, and os.Environ().
		Defaults:  fstest.MapFS{"syslog.yaml": {Data: []byte("listen: :1514\nidle: 30s\nmax_conn: 100")}},
		Environ:   []string{"S2N_SYSLOG_MAX_CONN=500"},
		EnvPrefix: "S2N",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var conf struct {
		Listen  string
		Idle    time.Duration
		MaxConn int `koanf:"max_conn"`
	}
	fmt.Println(cf("syslog", &conf), conf)

	var strict struct{ Listener string }
	fmt.Println(cf("syslog", &strict))
	// Output:
	// <nil> {:1514 30s 500}
	// Defaults/syslog.yaml: block "syslog": key "idle": unknown key
	// Defaults/syslog.yaml: block "syslog": key "listen": unknown key, did you mean "Listener"?
	// Defaults/syslog.yaml: block "syslog": key "max_conn": unknown key
}
