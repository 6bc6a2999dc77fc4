package conf

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type (
	squashSelf struct {
		*squashSelf `koanf:",squash"`
		A           int
	}
	EmbedSelf  struct{ *EmbedSelf }
	squashText struct {
		S string `koanf:",squash"`
	}
	squashNamed struct {
		confBase `koanf:"base"`
	}
	doubled struct {
		A string `koanf:"x"`
		B string `koanf:"X"`
	}
	shadowed struct {
		confBase
		Region string
	}
	remain struct {
		Rest map[string]any `koanf:",remain"`
	}
	squashHidden struct {
		inner confBase `koanf:",squash"`
	}
	oddKinds struct {
		C chan int
		P **int
		E error
		X complex128
		U uintptr
		M map[[2]int]string
	}
)

func TestConfOddTargetsNeverPanic(t *testing.T) {
	texts := []string{
		"a: 1", "x: 1", "region: eu", "s: x", "squashself: {a: 1}", "EmbedSelf: {EmbedSelf: {}}", "rest: {a: 1}",
		"c: 1", "p: 1", "e: x", "x: 1.5", "u: 1", "m: {a: b}", "{}",
	}
	for _, text := range texts {
		for _, result := range []any{
			&squashSelf{}, &squashSelf{squashSelf: &squashSelf{}}, &EmbedSelf{}, &EmbedSelf{&EmbedSelf{}},
			&squashText{}, &squashNamed{}, &doubled{}, &shadowed{}, &remain{}, &squashHidden{}, &oddKinds{}, &time.Time{}, &big.Int{},
		} {
			require.NotPanics(t, func() { _ = readOne("yaml", text, result) }, "%q into %T", text, result)
		}
	}
	for want, result := range map[string]any{
		"field squashSelf of": &squashSelf{}, "field S of": &squashText{}, "field confBase of": &squashNamed{},
		`have the key "X"`: &doubled{}, `have the key "Region"`: &shadowed{}, "unknown key": &remain{},
	} {
		require.ErrorContains(t, readOne("yaml", "a: 1", result), want)
	}
	require.ErrorContains(t, readOne("yaml", "rest: {a: 1}", &remain{}), "unknown key")
	hidden := squashHidden{inner: confBase{"kept"}}
	require.ErrorContains(t, readOne("yaml", "region: eu", &hidden), "unknown key")
	require.Equal(t, "kept", hidden.inner.Region)
}
