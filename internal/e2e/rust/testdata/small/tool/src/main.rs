use std::hash::Hasher;

fn main() {
    let version = semver::Version::parse(env!("CARGO_PKG_VERSION")).unwrap();
    let mut hash = fnv::FnvHasher::default();
    hash.write(version.to_string().as_bytes());
    println!("{} {} {:x}", ffi::small_answer(), base::seven!(), hash.finish());
}
