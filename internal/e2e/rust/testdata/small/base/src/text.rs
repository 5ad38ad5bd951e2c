use smallvec::SmallVec;

pub fn louder(s: &str) -> String {
    let bytes: SmallVec<[u8; 16]> = s.bytes().chain([b'!']).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
