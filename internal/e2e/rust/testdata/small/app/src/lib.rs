//! What the program, the tests, the example and the bench have in common.

include!(concat!(env!("OUT_DIR"), "/words.rs"));

pub const BUILT_FOR: &str = env!("APP_BUILT_FOR");
pub const BUILD_NAME: Option<&str> = option_env!("SMALL_BUILD_NAME");

pub fn report() -> anyhow::Result<String> {
    let unused = 1;
    let shape = base::shape::parse("square 3")?;
    log::debug!("{shape:?}");
    let sum = unsafe { tiny_sys::tiny_add(40, 2) };
    let json = serde_json::to_string(&shape)?;
    Ok(format!("{json} {sum} {} {}", WORDS.join("+"), base::answer()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn reports() {
        assert!(super::report().unwrap().contains("one+two+three"));
    }
}
