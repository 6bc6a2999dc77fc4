package conf

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfDoesNotWriteThroughWhatTheResultRefersTo(t *testing.T) {
	urls, labels, tls := []string{"x", "y", "z"}, map[string]string{"k": "v"}, &confTLS{Cert: "shared", Key: "shared"}
	limits := map[string]confTLS{"a": {Cert: "shared", Key: "shared"}}
	nested := map[string]any{"in": map[string]any{"a": 1}}
	got := confAll{Urls: urls, Labels: labels, TLSPtr: tls, Limits: limits, Any: tls, Map: nested, Pair: [2]int{8, 9}}
	require.NoError(t, readOne("yaml", "urls: [new]\nlabels: {k: new}\ntls_ptr: {cert: new}\n"+
		"limits: {a: {cert: new}}\nany: {cert: new}\nmap: {in: {b: 2}}\npair: [1, 2]", &got))
	require.Equal(t, confAll{
		Urls: []string{"new"}, Labels: map[string]string{"k": "new"}, TLSPtr: &confTLS{Cert: "new", Key: "shared"},
		Limits: map[string]confTLS{"a": {Cert: "new", Key: "shared"}}, Any: map[string]any{"cert": "new"},
		Map: map[string]any{"in": map[string]any{"a": 1, "b": 2}}, Pair: [2]int{1, 2},
	}, got)
	require.Equal(t, []string{"x", "y", "z"}, urls)
	require.Equal(t, map[string]string{"k": "v"}, labels)
	require.Equal(t, &confTLS{Cert: "shared", Key: "shared"}, tls)
	require.Equal(t, map[string]confTLS{"a": {Cert: "shared", Key: "shared"}}, limits)
	require.Equal(t, map[string]any{"in": map[string]any{"a": 1}}, nested)
}
