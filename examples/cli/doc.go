// Package cli is the command line of a program that is made of sputnik's blocks. A [Program] says what the program is
// called, what is built in, and which blocks it knows; the package makes of it the commands run, validate, config, list,
// top and version, checks the whole configuration before anything listens, and reads it anew on SIGHUP.
//
//	func main() { os.Exit(cli.Main(program())) }
//
// The exit status is 0 after a clean end, 2 where arguments or configuration are wrong, 1 on any other failure.
package cli
