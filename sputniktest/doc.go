// Package sputniktest is the test kit for those who write blocks and connectors.
package sputniktest
