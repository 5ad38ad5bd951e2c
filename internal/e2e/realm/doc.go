// Package realm is the world around a build, made of real servers on one machine: an S3 service (versitygw), its IAM and STS,
// GitHub's issuer of identity tokens, a network with two machines in it, and what goes wrong between them.
//
//	machine one --+                                      +-- versitygw posix (buckets are directories)
//	              +-- Toxiproxy (wire) -- Front (HTTP) --+
//	machine two --+                                      +-- versitygw iam -- Issuer (token.actions.githubusercontent.com)
//
// Front is a reverse proxy in this process: it logs every request and breaks answers in the ways that a wire cannot. Each fault
// counts how often it fired, since a fault that never fired proves nothing.
//
// The servers listen on unix sockets and, through fronts, on loopback. The IAM service refuses to fetch keys from loopback and private
// addresses, so it lives in a network namespace of its own, where the issuer has a public address (RFC 5737); that needs root.
package realm
