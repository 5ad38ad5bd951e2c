use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let out = Path::new(&env::var("OUT_DIR").unwrap()).join("numbers.rs");
    let squares: Vec<String> = (0..64).map(|n: u64| (n * n).to_string()).collect();
    fs::write(out, format!("pub const SQUARES: [u64; 64] = [{}];\n", squares.join(", "))).unwrap();
}
