use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=words.txt");
    println!("cargo:rustc-env=APP_BUILT_FOR={}", env::var("TARGET").unwrap());
    let words = fs::read_to_string("words.txt").unwrap();
    let list: Vec<String> = words.lines().map(|w| format!("{w:?}")).collect();
    let text = format!("pub const WORDS: [&str; {}] = [{}];\n", list.len(), list.join(", "));
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("words.rs"), text).unwrap();
}
