extern "C" {
    fn large_checksum(bytes: *const u8, n: usize) -> u32;
}

pub fn checksum(bytes: &[u8]) -> u32 {
    unsafe { large_checksum(bytes.as_ptr(), bytes.len()) }
}
