// Package deploy holds what runs syslog2nats in production: an image, units of systemd, manifests of Kubernetes. Its
// tests check them against the program and the configuration of its blocks.
package deploy
