// Package pack is the bytes of what lies in a bucket: packs of records, indexes over packs, profiles of what a run used, and the
// names of all three. docs/format.md tells them to outsiders, byte by byte.
//
//	pack      header | record | record | ... | table | footer       written once, front to back; its name is its SHA-256
//	record    header, payload (raw or one zstd frame)               decodable by itself from one range of the pack
//	index     header with counts per shard | packs | 256 shards | SHA-256
//	profile   header | packs | items in order of first use | SHA-256
//
// # What it keeps true
//
// All that is read is foreign. A payload comes out with the size and the SHA-256 that its record promises, or with an error
// instead of io.EOF. What a reader allocates is bounded by what it was given, not by what the bytes claim: sizes, ratios,
// windows and counts have limits (format.go), records lie within their pack, and those of one table claim together no more
// bytes than the pack has. Another version of a format is ErrVersion, broken bytes are ErrCorrupt, and an error of the reader
// that the bytes came from stays recognisable by errors.Is and errors.As.
//
// Encoders are deterministic but for the compressed bytes, which may differ from one release of the compressor to the next.
//
// Nothing here opens, names or locks files. A Writer is for one goroutine at a time; a Table and all functions are for any number.
package pack
