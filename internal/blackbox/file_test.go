package blackbox

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFileGrowsAndIsSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "box")
	require.True(t, Placeable(path))
	require.NoError(t, Append(path, "one\n"))
	require.NoError(t, Append(path, "two\n"))
	require.True(t, Placeable(path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "one\ntwo\n", string(text))
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}

	require.NoError(t, Append(path, strings.Repeat("x", Limit)))
	require.NoError(t, Append(path, "three\n"))
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "three\n", string(text))
	info, err = os.Stat(path + ".1")
	require.NoError(t, err)
	require.Equal(t, int64(Limit+len("one\ntwo\n")), info.Size())
}

func TestWhereNoFileCanBe(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, Append("", "text"), "nobody wants a file")
	require.False(t, Placeable(""))
	require.False(t, Placeable(folder))
	require.Error(t, Append(folder, "text"))
	path := filepath.Join(folder, "missing", "box")
	require.False(t, Placeable(path))
	require.ErrorIs(t, Append(path, "text"), os.ErrNotExist)
}
