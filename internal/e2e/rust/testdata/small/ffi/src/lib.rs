cfg_if::cfg_if! {
    if #[cfg(unix)] {
        const KIND: i32 = 1;
    } else {
        const KIND: i32 = 2;
    }
}

#[no_mangle]
pub extern "C" fn small_answer() -> i32 {
    base::answer().trim_end_matches('!').parse::<i32>().unwrap_or(0) + KIND
}
