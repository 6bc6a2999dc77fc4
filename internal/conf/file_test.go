package conf

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

type confBlock struct{ Name, Responsibility string }

func TestConfSingleFile(t *testing.T) {
	path := filepath.Join(confDir(t, ".conf.yaml", `
syslog: {plain: x}
nats:
list: [1]
text: hello
blocks: [{name: nats}, {name: syslog, responsibility: in}]
`), ".conf.yaml")
	cf := mustReader(t, sources{Path: path})
	var got confAll
	require.NoError(t, cf("syslog", &got))
	require.Equal(t, "x", got.Plain)
	require.NoError(t, cf("nats", &confAll{}), "an empty section is configured")
	require.ErrorIs(t, cf("absent", &got), fs.ErrNotExist)
	require.ErrorContains(t, cf("list", &got), "want a mapping")
	require.ErrorContains(t, cf("text", &got), path+`: block "text": want a mapping`)
	var list struct{ Blocks []confBlock }
	require.NoError(t, cf("blocks", &list))
	require.Equal(t, []confBlock{{Name: "nats"}, {"syslog", "in"}}, list.Blocks)
}

func TestConfSingleFileThatIsGone(t *testing.T) {
	dir := confDir(t, "conf.yaml", "b: {on: true}")
	cf := mustReader(t, sources{Path: filepath.Join(dir, "conf.yaml")})
	require.NoError(t, os.RemoveAll(dir))
	err := cf("b", &confAll{})
	require.ErrorContains(t, err, "conf.yaml: block \"b\": ")
	require.NotErrorIs(t, err, fs.ErrNotExist)
}
