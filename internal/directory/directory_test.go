package directory

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestADirectoryIsAMap does at random what it is made for, and compares it with a map.
func TestADirectoryIsAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	for range 100 {
		fixed := random.IntN(5)
		d, model := New[int](fixed), make(map[string]*int)
		for i := range fixed {
			v := new(i)
			d.Fix(strconv.Itoa(i), v)
			model[strconv.Itoa(i)] = v
		}
		for range 100 {
			name := strconv.Itoa(random.IntN(10))
			switch has := model[name]; random.IntN(3) {
			case 0:
				v := new(random.Int())
				d.Add(name, v)
				model[name] = v
			case 1:
				d.Remove(name, has)
				delete(model, name)
			case 2:
				d.Remove(name, new(int)) // another one
			}
			for i := range 10 {
				v, ok := d.Find(strconv.Itoa(i))
				require.Equal(t, model[strconv.Itoa(i)] != nil, ok)
				require.Same(t, model[strconv.Itoa(i)], v)
			}
		}
	}
}
