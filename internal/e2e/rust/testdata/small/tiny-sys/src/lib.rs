use libc::c_int;

extern "C" {
    pub fn tiny_add(a: c_int, b: c_int) -> c_int;
}
