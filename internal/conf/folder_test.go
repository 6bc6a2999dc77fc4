package conf

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfDuplicateMadeLaterIsFound(t *testing.T) {
	dir := confDir(t, "nats.yaml", "", "b.yaml", "")
	cf := mustReader(t, sources{Path: dir})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nats.json"), nil, 0o600))
	require.ErrorContains(t, cf("nats", &confAll{}), "nats.json and nats.yaml")
	require.NoError(t, cf("b", &confAll{}))
}

func TestConfReadsKubernetesMount(t *testing.T) {
	dir := confDir(t, "README.md", "no configuration", "noext", "", ".hidden.yaml", "a: [")
	data := filepath.Join(dir, "..2026_11_20")
	require.NoError(t, os.MkdirAll(filepath.Join(data, "sub.yaml"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(data, "b.yaml"), []byte("plain: mounted"), 0o600))
	require.NoError(t, os.Symlink("..2026_11_20", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/b.yaml", filepath.Join(dir, "b.yaml")))
	require.NoError(t, os.Symlink("..data/sub.yaml", filepath.Join(dir, "sub.yaml")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "b.json"), 0o700))
	cf := mustReader(t, sources{Path: dir})
	var got confAll
	require.NoError(t, cf("b", &got))
	require.Equal(t, "mounted", got.Plain)
	require.ErrorIs(t, cf("sub", &got), fs.ErrNotExist)
}

func TestConfMissingFilesDoNotPassForAbsent(t *testing.T) {
	dir := confDir(t, "b.yaml", "on: true")
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling.yaml")))
	cf := mustReader(t, sources{Path: dir, Environ: []string{"B_PLAIN_FILE=" + filepath.Join(dir, "secret")}})
	for _, name := range []string{"dangling", "b"} {
		err := cf(name, &confAll{})
		require.ErrorContains(t, err, "no such file")
		require.NotErrorIs(t, err, fs.ErrNotExist)
	}
	require.NoError(t, os.RemoveAll(dir))
	require.NotErrorIs(t, cf("other", &confAll{}), fs.ErrNotExist)
}
