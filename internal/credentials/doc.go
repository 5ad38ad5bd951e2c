// Package credentials chooses where AWS credentials come from, and can always say which provider was chosen and why.
//
// # What it keeps true
//
// Choose asks nothing of the network: it looks at the environment that it is given and at the shared files, and takes the first that
// applies.
//
//	a provider that is set            that one or an error, never another
//	github-oidc                       a role is known and the job may request identity tokens
//	web-identity                      AWS_WEB_IDENTITY_TOKEN_FILE and a role
//	static                            AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, perhaps AWS_SESSION_TOKEN
//	container                         AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI: ECS, EKS pod identity
//	profile                           the profile of AWS_PROFILE, or "default", has credentials
//	imds                              the metadata service of an EC2 instance, asked at first use
//
// Static keys come after a role on purpose, unlike in the SDK's own chain: keys that an earlier step exported and that have expired
// since would win over every provider that can renew. What is there and is not used is named in Chosen.Ignored. "anonymous" is never
// chosen by itself. A role that is set (Options.Role, not AWS_ROLE_ARN) is always the identity in the end: where the provider gives
// another one, that one assumes the role.
//
// Credentials are kept in memory and renewed five minutes before they expire, for as long as the process lives. While they are
// still good nobody waits for a renewal. However many goroutines ask, one exchange runs. An exchange is bounded by itself (a minute),
// not by the request that happened to start it; Close ends it.
//
// A metadata service that does not answer costs one second once, and the answer is remembered: no credentials.
//
// # Secrets
//
// No key and no token is in an error, in a log or in what fmt prints of these types. Answers of services are quoted with what is
// secret cut out. Nothing is written to the environment or to a file. Neither a token nor a key is sent over plain HTTP, except to
// this machine and to the addresses of ECS and EKS. Redirections are not followed. Answers are bounded to 64 KiB.
//
// No program is run, except a profile's credential_process, and only where the provider is set to "profile".
//
// The process's own environment is not read, except its proxy variables where Options.HTTPClient is nil.
//
// All methods may be called from many goroutines.
package credentials
