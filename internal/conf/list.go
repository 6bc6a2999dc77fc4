package conf

import (
	"cmp"
	"errors"
	"fmt"
)

// Blocks is the one name whose section may be a list.
const Blocks = "blocks"

// Block is an entry of the list.
type Block struct{ Name, Responsibility string }

// List reads the list of blocks. What it finds wrong itself is a fault; an err is that of read.
func List(read func(name string, result any) error) (list []Block, fault *Error, err error) {
	var result struct{ Blocks []Block }
	if err := read(Blocks, &result); err != nil {
		return nil, nil, err
	}
	if len(result.Blocks) == 0 {
		return nil, &Error{Name: Blocks, Key: Blocks, Err: errors.New("lists no block")}, nil
	}
	for i, b := range result.Blocks {
		if b.Name == "" {
			return nil, &Error{Name: Blocks, Key: fmt.Sprintf("%s[%d].name", Blocks, i), Err: errors.New("is empty")}, nil
		}
		result.Blocks[i].Responsibility = cmp.Or(b.Responsibility, b.Name)
	}
	return result.Blocks, nil, nil
}
